"""Files of a running deployment deleted under load: nothing fails, and what can be made again is."""

from __future__ import annotations

import shutil

from prove import operations
from support.faults import assert_not_mixed, harmless, more_requests, ready, victim
from support.load.stage import Stage


def test_deleted_status_sockets_come_again(stage: Stage) -> None:
    before = stage.pids()
    with harmless(stage, "status sockets deleted"):
        for name in before:
            (stage.home / "run" / f"{name.replace(':', '-')}.sock").unlink()
        stage.until(lambda: {name: ready(stage, name) for name in before} == before)
    assert stage.pids() == before


def test_a_deleted_run_directory_comes_again_with_the_next_deploy(stage: Stage) -> None:
    before = stage.pids()
    with harmless(stage, "run directory deleted"):
        shutil.rmtree(stage.home / "run")
        more_requests(stage, 500)
        stage.deploy()
    assert stage.pids() == before
    assert_not_mixed(stage)


def test_deleted_logs_are_written_anew_after_a_rolling_restart(stage: Stage) -> None:
    name, _ = victim(stage)
    log = stage.home / "log" / f"{name.replace(':', '-')}.err.log"
    with harmless(stage, "log directory deleted"):
        shutil.rmtree(stage.home / "log")
        more_requests(stage, 500)
        stage.deploy()
        operations.rolling_restart(stage)
        assert log.exists()
    assert_not_mixed(stage)


def test_a_deleted_control_socket_comes_again(stage: Stage) -> None:
    before = stage.pids()
    control = stage.root / "supervisor/run/supervisor.sock"
    with harmless(stage, "control socket deleted"):
        control.unlink()
        stage.until(control.exists)
        assert stage.pids() == before


def test_a_deleted_folder_of_the_control_socket_comes_again_with_the_next_deploy(stage: Stage) -> None:
    before = stage.pids()
    with harmless(stage, "supervisord's run directory deleted"):
        shutil.rmtree(stage.root / "supervisor/run")
        stage.deploy()
    assert stage.pids() == before
    assert_not_mixed(stage)
