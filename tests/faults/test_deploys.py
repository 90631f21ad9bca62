"""Deploys that are killed, or meet another one: a run again converges, nothing is ever mixed, no request fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.conftest import REPOSITORY
from tests.faults.support import assert_not_mixed, failing, told
from tests.load.stage import Stage

ROUNDS = 20
# Every task that changes the target between the lock and its release, in the order of a deploy.
BOUNDARIES = [
    "Create the release's folder",
    "Render the program files",
    "Write what went into the release",
    "Put the other colour's program file in place",
    "Start the other colour",
    "Wait at the gate until every new worker is ready",
    "Name the new colour live",
    "Bring the processes to what is live, and drain the other colour",
    "Prune old releases",
    "Release the lock",
]


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_deploy_killed_at_a_task_is_mended_by_running_it_again(stage: Stage, boundary: str) -> None:
    environment = {**stage.knobs["app_environment"], "LOAD_SETTING": boundary.replace("'", "")}
    with failing(stage, f"deploy killed at: {boundary}") as found:
        process = stage.start("deploy.yml", app_environment=environment)
        assert process.stdout
        for line in process.stdout:
            if line.startswith("TASK [") and f" : {boundary}]" in line:
                break
        else:
            raise AssertionError(f"a deploy has no task {boundary!r} any more; name what changes things now")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        # One release answers, the old or the new one; and what is live can be told at any moment.
        assert stage.live()["release"]
        stage.deploy(app_environment=environment)
        assert stage.get("/version").endswith(boundary.replace("'", ""))
        assert_not_mixed(stage)
    assert not found, told(stage, found)


def test_of_two_deploys_at_once_exactly_one_goes_on(stage: Stage) -> None:
    with failing(stage, "two deploys at once") as found:
        both = [stage.start("deploy.yml", workers=3) for _ in range(2)]
        outputs = [process.communicate(timeout=600)[0] for process in both]
    ended = sorted(process.returncode for process in both)
    assert ended == [0, 2], "\n".join(outputs)
    refused = next(out for out, process in zip(outputs, both, strict=True) if process.returncode == 2)
    assert "is being deployed by" in refused
    assert not found, told(stage, found)
    assert_not_mixed(stage)
    stage.deploy()


def test_of_two_that_take_the_lock_at_the_same_moment_exactly_one_has_it(tmp_path: Path) -> None:
    module = REPOSITORY / "roles/instance/library/deploy_lock.py"
    for number in range(ROUNDS):
        lock = tmp_path / f"lock{number}"
        takers = []
        for owner in ("alice", "bob"):
            words = {"ANSIBLE_MODULE_ARGS": {"path": str(lock), "owner": owner}}
            arguments = tmp_path / f"{owner}{number}.json"
            arguments.write_text(json.dumps(words))
            takers.append(
                subprocess.Popen(
                    [sys.executable, str(module), str(arguments)], stdout=subprocess.PIPE, text=True
                )
            )
        answers = [json.loads(taker.communicate(timeout=60)[0]) for taker in takers]
        assert [answer["taken"] for answer in answers].count(True) == 1
        assert lock.readlink().name in {"alice", "bob"}
