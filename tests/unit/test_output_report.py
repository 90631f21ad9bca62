"""The summary at the end of a playbook: each thing once, grouped by hosts, and what is true of the state."""

from __future__ import annotations

import pytest

from mooring_output import phases, report, text
from mooring_output.report import Counts, Failure, Report

REFUSED = Failure("api1", "Check bind", ("bind is 5.", "Write an address."), spoken=True)


def test_a_failure_is_told_once_with_its_hosts() -> None:
    one = Report(playbook="deploy.yml")
    for host in ("api2", "api1"):
        one.fail(Failure(host, "Check bind", ("bind is 5.", "Write an address."), spoken=True))
    assert one.end({"api1": Counts(failed=1), "api2": Counts(failed=1)}, {}, 3.2) == [
        "FAILED: api1, api2: Check bind",
        "  bind is 5.",
        "  Write an address.",
        "Failed after 3 s: nothing has been changed (changed=0).",
    ]


def test_what_was_rescued_is_told_by_the_message_that_ended_the_rescue() -> None:
    one = Report()
    one.fail(Failure("api1", "Wait at the gate", ("hangs",), "switch.yml:1"))
    one.fail(Failure("api1", "Say why", ("Release 1 is refused: hangs",), spoken=True))
    said = one.end({"api1": Counts(failed=1, rescued=1, changed=2)}, {}, 1)
    assert "FAILED: api1: Say why" in said
    assert not [line for line in said if "Wait at the gate" in line]


def test_a_rescue_that_fails_itself_does_not_hide_the_cause() -> None:
    one = Report()
    one.fail(Failure("api1", "Wait at the gate", ("hangs",), "switch.yml:1"))
    one.fail(Failure("api1", "Stop what has been started", ("no answer",), "refuse.yml:9"))
    said = one.end({"api1": Counts(failed=1, rescued=1, changed=2)}, {}, 1)
    assert "  hangs" in said
    assert "  no answer" in said
    assert said[-1] == report.STATUS


def test_a_failure_whose_block_goes_on_with_always_is_not_taken_for_a_rescued_one() -> None:
    one = Report()
    one.fail(Failure("api1", "Start", ("no room",), "x.yml:1"))
    one.fail(Failure("api1", "Release the lock", ("no folder",), "y.yml:1"))
    said = one.end({"api1": Counts(failed=2)}, {}, 1)
    assert "  no room" in said
    assert "  no folder" in said


def test_a_lost_host_has_a_way_out() -> None:
    one = Report()
    one.fail(Failure("api3", "Probe", ("timed out",), unreachable=True))
    said = one.end({"api3": Counts(unreachable=1), "api1": Counts()}, {}, 1)
    assert said[0] == "UNREACHABLE: api3: Probe"
    assert "--limit 'all:!api3'" in said[2]


@pytest.mark.parametrize(
    ("playbook", "counts", "told"),
    [
        (
            "deploy.yml",
            {"a": Counts()},
            "Done in 61 s: nothing to do, all is as the inventory says (changed=0).",
        ),
        ("status.yml", {"a": Counts()}, "Done in 61 s: nothing has been changed (changed=0)."),
        ("deploy.yml", {"a": Counts(changed=3)}, "Done in 61 s: changed=3."),
        (
            "deploy.yml",
            {"a": Counts(changed=3), "b": Counts(changed=3), "c": Counts()},
            "Done in 61 s: changed=6 (a, b: 3; c: 0).",
        ),
    ],
)
def test_the_last_line_says_what_has_changed(playbook: str, counts: dict[str, Counts], told: str) -> None:
    assert Report(playbook=playbook).end(counts, {}, 61) == [told]


def test_a_check_says_what_a_run_would_do() -> None:
    one = Report(playbook="deploy.yml", check=True)
    one.change("a", "Render supervisord.conf")
    one.change("a", "would switch to release 1")
    assert one.end({"a": Counts(changed=2)}, {}, 1) == [
        "would render supervisord.conf",
        "would switch to release 1",
        "Done in 1 s: a run would change 2 things (changed=2). Nothing has been changed.",
    ]
    unchanged = Report(check=True).end({"a": Counts()}, {}, 1)
    assert unchanged == ["Done in 1 s: a run would change nothing (changed=0). Nothing has been changed."]
    one.fail(REFUSED)
    assert (
        one.end({"a": Counts(failed=1)}, {}, 1)[-1]
        == "Failed after 1 s: nothing has been changed, this was a check."
    )


def test_messages_of_several_hosts_are_grouped() -> None:
    one = Report()
    for host in ("b", "a"):
        one.say(host, "answers\nat 9001")
    one.say("c", "answers\nat 9002")
    said = one.end({"a": Counts(), "b": Counts(), "c": Counts()}, {}, 1)
    assert said[:6] == ["a, b:", "  answers", "  at 9001", "c:", "  answers", "  at 9002"]


def test_a_roll_that_has_ended_early_is_told_before_the_last_line() -> None:
    one = Report()
    one.fail(REFUSED)
    custom = {"api1": {"roll": "checked"}, "api2": {"roll": "checked"}}
    said = one.end({"api1": Counts(failed=1), "api2": Counts()}, custom, 1)
    assert "The roll has ended early." in said
    assert said[-1].startswith("Failed after")


@pytest.mark.parametrize("phase", ["", *phases.WHAT])
def test_an_interruption_says_what_to_type(phase: str) -> None:
    first, second = report.interrupted(phase, "api1", phase, "deploy.yml")
    assert first.startswith("Interrupted")
    assert "Run the same command again" in second
    assert "playbooks/status.yml" in second


def test_an_interruption_in_a_later_batch_does_not_say_that_nothing_has_changed() -> None:
    first, _ = report.interrupted("Install", "api2", "Verify", "deploy.yml")
    assert first == "Interrupted in the phase Install on api2. What was under way may be half done."


def test_an_interruption_before_anything_changed_says_so() -> None:
    assert "Nothing has been changed." in report.interrupted("Check", "api1", "Check", "deploy.yml")[0]
    assert "the old workers serve until" in report.interrupted("Switch", "api1", "Switch", "deploy.yml")[0]


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("progress\rdone", r"progress\rdone"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2028", r"\u2028"),
        ("\udcff", r"\udcff"),
        ("naïve 東京 ✓", "naïve 東京 ✓"),
    ],
)
def test_what_would_steer_a_terminal_is_escaped(remote: str, shown: str) -> None:
    assert text.plain(remote) == shown


@pytest.mark.parametrize(
    ("result", "cause", "why"),
    [
        ({"msg": "x is 3.\nWrite 4."}, "x is 3.", ["x is 3.", "Write 4."]),
        ({"msg": "non-zero return code", "rc": 1, "stderr": "a\nb", "stdout": "c"}, "", ["a", "b"]),
        (
            {"msg": "non-zero return code", "rc": 3, "stderr": "", "stdout": ""},
            "",
            ["It has ended with exit status 3 and printed nothing."],
        ),
        (
            {"msg": "Error executing command.", "rc": 2},
            "No such file",
            ["Error executing command.", "No such file"],
        ),
        ({"msg": "It crashed", "module_stderr": "Traceback"}, "x", ["It crashed", "Traceback"]),
        ({"censored": "hidden", "msg": "secret"}, "secret", ["hidden"]),
        (
            {
                "msg": "One or more items failed",
                "results": [{"item": 1}, {"item": 2, "failed": True, "msg": "no"}],
            },
            "",
            ["2: no"],
        ),
        ({}, "", ["It has failed without a word."]),
    ],
)
def test_the_reason_is_what_the_task_has_said(result: dict[str, object], cause: str, why: list[str]) -> None:
    assert text.reason(result, cause) == why


def test_many_hosts_are_counted() -> None:
    assert text.names([f"api{number}" for number in range(9)]) == "api0, api1, api2, api3, api4 and 4 more"


def test_a_phase_does_not_come_twice_on_the_same_hosts() -> None:
    assert phases.follows("Check", "")
    assert phases.follows("Install", "Build")
    assert not phases.follows("Build", "Install")
    assert not phases.follows("", "Check")


def test_every_phase_has_words() -> None:
    assert {phases.phase("supervisor", "main"), phases.phase("instance", "switch")} == {"Install", "Switch"}
    assert (
        phases.phase("site", "known") == phases.phase("instance", "lock") == phases.phase("other", "x") == ""
    )
    assert phases.phase("release", "intact") == "", "verify, restart and rollback install nothing"
    assert set(phases._PHASES.values()) - {""} <= set(phases.WHAT)
