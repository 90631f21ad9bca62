"""Last words: of this start alone, and supervisord's own when it could not start the process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.deployed import Deployed, Refused
from support.supervisord import Supervisord

OLD = "a line of another release"


@pytest.fixture
def instance(supervisord: Supervisord) -> Deployed:
    """r1 is live in blue; green has a log of an earlier release."""
    one = Deployed(supervisord)
    one.build("r1")
    supervisord.start()
    one.deploy("r1")
    (one.home / "log/api-green-0.err").write_text(f"{OLD}\n" * 5)
    return one


def refusal(instance: Deployed, release: str, before_start: Callable[[], None] = lambda: None) -> str:
    steps = instance.steps(release)
    assert "put" in (next(steps), next(steps), next(steps))
    before_start()
    with pytest.raises(Refused) as refused:
        list(steps)
    said = str(refused.value)
    assert OLD not in said
    assert "What serves now: release r1 (blue): 1 of 1 workers are ready" in said
    instance.assert_serves("r1")
    return said


def edited(instance: Deployed, old: str, new: str) -> None:
    instance.build("r2")
    path = instance.release_folder("r2") / "green.conf"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def no_interpreter(instance: Deployed) -> str:
    edited(instance, "command = ", "command = /nowhere/bin")
    return "supervisord could not start api-green:0: can't find command '/nowhere/bin"


def not_executable(instance: Deployed) -> str:
    (instance.home / "plain").touch(mode=0o600)
    edited(instance, "command = ", f"command = {instance.home}/plain ")
    return "supervisord could not start api-green:0: command at"


def no_folder(instance: Deployed) -> str:
    edited(instance, "startsecs", f"directory = {instance.home}/nowhere\nstartsecs")
    return "couldn't chdir to"


def an_application_that_fails(instance: Deployed) -> str:
    instance.build("r2", app="applications:answers_500")
    return "was answered 'HTTP/1.1 500"


CAUSES = [no_interpreter, not_executable, no_folder, an_application_that_fails]


@pytest.mark.parametrize("cause", CAUSES)
def test_a_worker_that_cannot_be_started_is_told_with_the_reason(
    instance: Deployed, cause: Callable[[Deployed], str]
) -> None:
    words = cause(instance)
    assert words in refusal(instance, "r2")


def test_a_folder_of_logs_that_is_gone_is_told(instance: Deployed) -> None:
    logs = instance.home / "log2"
    logs.mkdir()
    edited(instance, f"{instance.home}/log/", f"{logs}/")
    said = refusal(instance, "r2", before_start=logs.rmdir)
    assert str(logs) in said
