"""Deploys that are killed at a task: a run again converges, nothing is ever mixed, no request fails."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from support.faults import assert_not_mixed, harmless
from support.load.stage import Stage

EVERY = os.environ.get("FAULTS_EVERY_TASK", "")
"""Set, every task of a deploy is a boundary (half an hour), not those alone that change something."""

# The tasks that change what a later run finds, in the order of a deploy. Ansible names one when it has ended.
BOUNDARIES = [
    "Write what went into the release, and render the program files",
    "Put the other colour's program file in place",
    "Start the other colour",
    "Wait at the gate until every new worker is ready",
    "Name the new colour live",
    "Bring the processes to what is live, and drain the other colour",
    "Release the lock",
]


@pytest.mark.skipif(bool(EVERY), reason="FAULTS_EVERY_TASK: these are among the tasks of the test below")
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_deploy_killed_at_a_task_is_mended_by_running_it_again(stage: Stage, boundary: str) -> None:
    with harmless(stage, f"deploy killed after: {boundary}"):
        process = _start(stage, boundary)
        assert _reach(process, boundary), (
            f"a deploy has no task {boundary!r} any more; name what changes things now"
        )
        _kill(process)
        _converges(stage, boundary)


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
            locked = locked or "Take the lock]" in task
            if locked:
                _converges(stage, setting)
            else:
                assert (stage.live(), stage.pids()) == before
        print(f"killed after task {number}, {'converged' if locked else 'nothing has changed'}: {task}")
    assert number > len(BOUNDARIES)


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


def _kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _converges(stage: Stage, setting: str) -> None:
    assert stage.live()["release"], "what is live can be told at any moment"
    stage.deploy(app_environment=_environment(stage, setting))
    assert stage.get("/version").endswith(setting.replace("'", ""))
    assert_not_mixed(stage)
