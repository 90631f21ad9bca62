"""supervisord itself starved, ended and killed under load: no orphan, nothing half done, and a deploy mends it."""

from __future__ import annotations

import os
import signal

from support.faults import (
    MAY_LOSE,
    assert_not_mixed,
    assert_only_its_own,
    end_supervisord,
    failing,
    harmless,
    more_requests,
    no_descriptors,
    no_gaps,
    replaced,
    settled,
    supervisord_pid,
    victim,
)
from support.load.stage import Stage


def test_supervisord_without_descriptors_starts_a_worker_again_when_it_has_some(stage: Stage) -> None:
    fault = "supervisord out of descriptors, and SIGKILL of a worker"
    name, pid = victim(stage)
    missing = f"too many open files to spawn '{name.partition(':')[2]}'"
    seen = stage.server_log.read_text().count(missing)
    with failing(stage, fault, may_lose=True) as found:
        with no_gaps(stage), no_descriptors(supervisord_pid(stage), 0):
            os.kill(pid, signal.SIGKILL)
            # More often than stock settings try
            stage.until(lambda: stage.server_log.read_text().count(missing) >= seen + 5)
        replaced(stage, fault, name, pid)
    assert_only_its_own(stage, found, pid)
    assert_not_mixed(stage)


def test_a_stopped_supervisord_is_told_of_and_nothing_is_started_beside_it(stage: Stage) -> None:
    before = stage.pids()
    pid = supervisord_pid(stage)
    with harmless(stage, "SIGSTOP of supervisord"):
        os.kill(pid, signal.SIGSTOP)
        try:
            more_requests(stage, 500)
            assert f"supervisord (process {pid})" in stage.refused()
        finally:
            os.kill(pid, signal.SIGCONT)
        stage.deploy()
    assert stage.pids() == before
    assert_not_mixed(stage)


def test_an_ended_supervisord_drains_first_and_the_next_deploy_mends_it(stage: Stage) -> None:
    """SIGTERM: what has been accepted is answered; then nobody accepts, until the deploy has ended."""
    fault = "SIGTERM to supervisord"
    MAY_LOSE.add(
        fault
    )  # by the generator's count, which cannot tell what was never accepted; the rest is below
    before = stage.generator.state()["failed"]
    with stage.generator.marked(fault):
        end_supervisord(stage, signal.SIGTERM)
        stage.deploy()
        settled(stage)
    assert_not_mixed(stage)
    counted = set(stage.counted.read_text().split())
    for failure in stage.generator.failures()[before:]:
        # Refused, or reset where it waited to be accepted: never begun
        assert failure["failure"] in {"refused", "reset"}, failure
        assert failure["id"] not in counted, failure


def test_a_killed_supervisord_leaves_no_orphan_and_the_next_deploy_mends_it(stage: Stage) -> None:
    fault = "SIGKILL of supervisord"
    MAY_LOSE.add(fault)
    # Nobody accepts until the deploy has ended, so this time requests are refused, more than a report lists.
    with stage.generator.marked(fault):
        end_supervisord(stage, signal.SIGKILL)
        stage.deploy()
        settled(stage)
    assert_not_mixed(stage)
    with stage.under_load("after the repair"):
        settled(stage)
