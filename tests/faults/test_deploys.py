"""Deploys that are killed at a moment: a run again converges, nothing is ever mixed, no request fails.

What is killed is the playbook, or the program that changes the host. Each single step of that program: test_host_steps.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.faults import assert_not_mixed, begun_post, finish_post, harmless, private_state
from support.load.stage import Stage

EVERY = os.environ.get("FAULTS_EVERY_TASK", "")
"""Set, every task of a deploy is a boundary (half an hour), not those alone that change something."""

# The tasks that change what a later run finds, in the order of a deploy. Ansible names one when it has ended.
TASKS = [
    "Create the instance's folders, and take the lock",
    "Place what went into the release, render the program files, and seal it",
    "Give the lock up",
]


def _new(stage: Stage, old: dict[str, int]) -> dict[str, int]:
    return {name: pid for name, pid in stage.pids().items() if old.get(name) != pid}


MOMENTS: dict[str, Callable[[Stage, dict[str, int]], object]] = {
    "new workers start": _new,
    "a new worker is ready": lambda stage, old: any(
        private_state(stage, *each) == "ready" for each in _new(stage, old).items()
    ),
    "the old ones drain": lambda stage, old: any(
        private_state(stage, *each) == "draining" for each in old.items()
    ),
}
"""Moments within the one call that switches, by what the processes say; each is given the processes of before."""


@pytest.mark.skipif(bool(EVERY), reason="FAULTS_EVERY_TASK: these are among the tasks of the test below")
@pytest.mark.parametrize("boundary", TASKS)
def test_a_deploy_killed_at_a_task_is_mended_by_running_it_again(stage: Stage, boundary: str) -> None:
    with harmless(stage, f"deploy killed after: {boundary}"):
        process = _start(stage, boundary)
        assert _reach(process, boundary), (
            f"a deploy has no task {boundary!r} any more; name what changes things now"
        )
        _kill(process)
        _converges(stage, boundary)


@pytest.mark.parametrize("whom", ["playbook", "program"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_deploy_killed_within_the_switch_is_mended_by_running_it_again(
    stage: Stage, moment: str, whom: str
) -> None:
    setting, old = f"{moment} ({whom})", stage.pids()
    with harmless(stage, f"{whom} killed when {moment}"):
        with begun_post(stage.port) as client:  # so that a drain lasts
            process = _start(stage, setting)
            stage.until(lambda: MOMENTS[moment](stage, old) or process.poll() is not None, 300)
            assert process.poll() is None, process.communicate()[0]
            if whom == "playbook":
                _kill(process)
            else:
                os.kill(_program(stage), signal.SIGKILL)
                output, _ = process.communicate(timeout=300)
                assert process.returncode == 2, output
            finish_post(client)
        _converges(stage, setting)


@pytest.mark.skipif(not EVERY, reason="takes half an hour: FAULTS_EVERY_TASK=1 make test-faults")
def test_a_deploy_killed_at_any_task_is_mended_by_running_it_again(stage: Stage) -> None:
    """Before the lock nothing may have changed, and the next round is the run again; from then on each converges."""
    number, locked = 0, False
    while True:
        number += 1
        setting, before = f"task {number}", (stage.live(), stage.pids())
        with harmless(stage, f"deploy killed after task {number}"):
            process = _start(stage, setting)
            task = _reach(process, nth=number)
            if not task:
                process.communicate(timeout=60)
                assert process.returncode == 0
                break
            _kill(process)
            locked = locked or "take the lock]" in task
            if locked:
                _converges(stage, setting)
            else:
                assert (stage.live(), stage.pids()) == before
        print(f"killed after task {number}, {'converged' if locked else 'nothing has changed'}: {task}")
    assert number > len(TASKS)


def _start(stage: Stage, setting: str) -> subprocess.Popen[str]:
    return stage.start("deploy.yml", app_environment=_environment(stage, setting))


def _environment(stage: Stage, setting: str) -> dict[str, str]:
    return {**stage.knobs["app_environment"], "LOAD_SETTING": setting.replace("'", "")}


def _reach(process: subprocess.Popen[str], name: str = "", nth: int = 0) -> str:
    """Read the output until that task, or the nth of all, has ended; its line, "" at the end of the output."""
    assert process.stdout
    seen = 0
    for line in process.stdout:
        if line.startswith("TASK ["):
            seen += 1
            if seen == nth or (name and f" : {name}]" in line):
                return line.strip()
    return ""


def _program(stage: Stage) -> int:
    """Return the pid of the program that changes this host."""
    words = [f"{stage.root}/supervisor/venv/bin/python", "-I", "-m", "mooring.host"]
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_text().split("\0")[:4] == words:
                return int(folder.name)
    raise AssertionError("nothing changes this host")


def _kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _converges(stage: Stage, setting: str) -> None:
    assert stage.live()["release"], "what is live can be told at any moment"
    stage.deploy(app_environment=_environment(stage, setting))
    assert stage.get("/version").endswith(setting.replace("'", ""))
    assert_not_mixed(stage)
