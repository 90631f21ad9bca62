"""What a host answers to the controller: results of tasks, and the answers of our programs there."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

import on_host
from mooring_output import text
from mooring_output.report import Counts, Failure, Report
from support import fuzzing
from support.fuzzing import PARSER, bounded, changed, check_plain, documents

RESULT = {
    "msg": "non-zero return code",
    "rc": 1,
    "stdout": "one\ntwo",
    "stderr": "three",
    "module_stdout": "",
    "censored": "",
    "results": [{"failed": True, "item": "x", "msg": "no", "_ansible_item_label": "label"}],
}


@settings(PARSER)
@given(
    st.just(RESULT).flatmap(changed).filter(lambda value: isinstance(value, dict)),
    fuzzing.TEXTS,
    fuzzing.TEXTS,
)
@example({"results": [{"failed": True, "item": "\n"}], "censored": None}, "", "")
@example({"results": True}, "", "")
@example({"msg": "\u2028"}, "\u2028", "")
def test_why_a_task_has_failed(result: dict[str, Any], cause: str, host: str) -> None:
    with bounded():
        why = text.reason(result, cause)
        report = Report()
        report.say(host, str(result.get("msg")))
        report.fail(Failure("api1", cause, tuple(why), spoken=True))
        lines = report.end({"api1": Counts(failed=1)}, {}, 1)
    assert why
    for line in why:
        check_plain(line, kept="\t")
    for line in lines:
        if host not in line:  # the inventory's own
            check_plain(line, kept="\n\t")


class Host:
    """An action whose connection answers with this."""

    def __init__(self, answer: bytes) -> None:
        self._connection = self
        self._answer = answer

    def is_pipelining_enabled(self) -> bool:
        return True

    def _compute_environment_string(self) -> str:
        return ""

    def _low_level_execute_command(self, *_: Any, **__: Any) -> dict[str, Any]:
        said = f"banner\n{on_host.BEGINS}\n{self._answer.decode('utf-8', 'surrogateescape')}"
        return {"rc": 0, "stdout": said, "stderr": ""}


@settings(PARSER)
@given(documents({"result": {"changed": True}, "refused": {"message": "", "status": 1}}))
@example(b"not JSON")
@example(b"[1]")
def test_the_answer_of_a_program_on_a_host(answer: bytes) -> None:
    with bounded():
        found = on_host.call(Host(answer), {}, "lock.take", {})
    assert (type(found.result) is dict) is (found.status == 0)
    assert type(found.why) is str
