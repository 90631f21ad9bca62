"""A full disk under logs and run directory: what serves goes on serving, and what dies meanwhile comes again."""

from __future__ import annotations

import os
import signal

from prove import operations
from support.faults import (
    as_root,
    assert_not_mixed,
    failing,
    filled,
    harmless,
    holder,
    more_requests,
    replaced,
    small_disks,
    told,
    victim,
)
from support.load.stage import NAME, Stage


@as_root
def test_full_disks_under_all_logs_and_sockets_cost_nothing(stage: Stage) -> None:
    folders = [stage.home / "log", stage.home / "run", stage.root / "supervisor/log"]
    with small_disks(*folders):
        operations.reload(stage)  # the processes open logs and sockets where the disk is small
        before = stage.pids()
        with harmless(stage, "full disks"), filled(*folders):
            more_requests(stage, 2000)
        assert stage.pids() == before
    operations.reload(stage)
    assert_not_mixed(stage)


@as_root
def test_what_is_killed_while_the_disk_is_full_comes_again_when_it_is_not(stage: Stage) -> None:
    with small_disks(stage.home / "log", stage.home / "run"):
        operations.reload(stage)
        _killed_meanwhile(stage, [f"{NAME}-bootstrap", victim(stage)[0]])
    operations.reload(stage)
    assert_not_mixed(stage)


def _killed_meanwhile(stage: Stage, names: list[str]) -> None:
    """Kill processes while no byte can be written, so often in vain started again that stock settings give up."""
    folders = [stage.home / "log", stage.home / "run"]
    fault = "full disks, and SIGKILL of a worker and the bootstrap"
    pids = {name: stage.pids()[name] for name in names}
    with failing(stage, fault, may_lose=True) as found:
        with filled(*folders):
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)
            bootstrap = f"spawned: '{NAME}-bootstrap'"
            seen = stage.server_log.read_text().count(bootstrap)
            stage.until(lambda: stage.server_log.read_text().count(bootstrap) >= seen + 5)
        for name, pid in pids.items():
            replaced(stage, fault, name, pid)
    assert {holder(each) for each in found} <= {*pids.values(), None}, told(stage, found)
