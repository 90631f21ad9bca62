"""Processes that die while a deploy goes on, and a controller whose disk is full: nothing else is lost by it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.faults import (
    as_root,
    assert_not_mixed,
    assert_only_its_own,
    begun_post,
    failing,
    filled,
    finish_post,
    harmless,
    private_state,
    small_disks,
    victim,
)
from support.load.stage import NAME, Stage


def _start(stage: Stage, **environment: str) -> subprocess.Popen[str]:
    return stage.start(
        "deploy.yml", app_environment={**stage.knobs["app_environment"], **environment}, gate_timeout=60
    )


def _starts(stage: Stage, process: subprocess.Popen[str], before: dict[str, int]) -> None:
    """Wait until a process more runs than `before`: the other generation starts, and the gate looks at it."""
    stage.until(lambda: stage.pids().items() - before.items() or process.poll() is not None, 300)
    assert process.poll() is None, process.communicate()[0]


def _end(process: subprocess.Popen[str]) -> tuple[int, str]:
    output = process.communicate(timeout=600)[0]
    return process.returncode, output


def test_a_worker_killed_during_a_switch_costs_its_own_requests(stage: Stage) -> None:
    name, pid = victim(stage)
    before = stage.pids()
    with failing(stage, "SIGKILL of a worker during a switch", may_lose=True) as found:
        process = _start(stage, LOAD_SETTING="switched")
        _starts(stage, process, before)
        os.kill(pid, signal.SIGKILL)
        status, output = _end(process)
        assert status == 0, output
    assert_only_its_own(stage, found, pid)
    assert name not in stage.workers()
    assert_not_mixed(stage)


def test_a_bootstrap_killed_during_a_switch_costs_nothing(stage: Stage) -> None:
    before = stage.pids()
    with harmless(stage, "SIGKILL of the bootstrap during a switch"):
        process = _start(stage, LOAD_SETTING="switched again")
        _starts(stage, process, before)
        os.kill(stage.pids()[f"{NAME}-bootstrap"], signal.SIGKILL)
        status, output = _end(process)
        assert status == 0, output
    assert_not_mixed(stage)


def test_new_workers_killed_at_the_gate_are_refused_and_the_old_ones_serve_on(stage: Stage) -> None:
    before, live = stage.pids(), stage.live()
    with harmless(stage, "SIGKILL of the new workers at the gate"):
        process = _start(stage, LOAD_BREAK="hang")  # so that the gate waits for sure
        _starts(stage, process, before)
        while process.poll() is None:  # again and again, for the gate has looked at some of them then
            for _, pid in stage.pids().items() - before.items():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        status, output = _end(process)
        assert status == 2, output
        assert "is refused: Wait at the gate until every new worker is ready" in output
        assert f"What serves now: release {live['release']} ({live['colour']}): " in output
    assert (stage.pids(), stage.live()) == (before, live)
    stage.deploy()
    assert_not_mixed(stage)


def test_a_deploy_killed_in_the_middle_of_a_drain_is_overtaken_by_the_next_release(stage: Stage) -> None:
    """What the killed deploy was about to drain is the colour that the next one needs."""
    old = stage.workers()
    with harmless(stage, "deploy killed in a drain, another release next"):
        with begun_post(stage.port) as client:
            process = _start(stage, LOAD_SETTING="killed in its drain")
            stage.until(lambda: any(private_state(stage, *each) == "draining" for each in old.items()), 300)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            assert stage.live()["colour"] not in min(old)
            successor = _start(stage, LOAD_SETTING="next")
            stage.until(
                lambda: len(stage.workers()) == 2
            )  # the old ones have ended but that one, which drains
            finish_post(client)
        status, output = _end(successor)
        assert status == 0, output
        assert stage.get("/version").endswith("next")
    assert_not_mixed(stage)


@as_root
def test_a_full_disk_for_the_controllers_temporary_files_costs_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes to a host goes over its connection: nothing is written on the way."""
    folder = stage.root.parent / "controller"
    folder.mkdir()
    for name in ("ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TEMP", "TMPDIR"):
        monkeypatch.setenv(name, str(folder / name.lower()))
    with harmless(stage, "a full disk of the controller"), small_disks(folder, size="2m"):
        Path(os.environ["TMPDIR"]).mkdir()
        with filled(folder):
            status, output = _end(_start(stage, LOAD_SETTING="full"))
        assert status == 0, output
        assert stage.get("/version").endswith("full")
    assert_not_mixed(stage)
