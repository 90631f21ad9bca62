"""Processes killed and stopped under load: what fails is what the process itself had in flight, no more."""

from __future__ import annotations

import os
import signal

from support.faults import (
    CLIENTS,
    assert_not_mixed,
    assert_only_its_own,
    failing,
    harmless,
    ready,
    replaced,
    victim,
)
from support.load.stage import NAME, Stage


def test_a_killed_worker_costs_what_it_had_in_flight_alone(stage: Stage) -> None:
    fault = "SIGKILL of a worker"
    name, pid = victim(stage)
    with failing(stage, fault, may_lose=True) as found:
        os.kill(pid, signal.SIGKILL)
        replaced(stage, fault, name, pid)
    assert_only_its_own(stage, found, pid)
    assert_not_mixed(stage)


def test_a_killed_bootstrap_costs_nothing_and_its_watchdog_goes_on(stage: Stage) -> None:
    fault = "SIGKILL of the bootstrap"
    name = f"{NAME}-bootstrap"
    before = stage.pids()
    with harmless(stage, fault):
        os.kill(before[name], signal.SIGKILL)
        replaced(stage, fault, name, before[name])
    assert stage.workers() == {key: pid for key, pid in before.items() if key != name}
    _stopped_worker_is_replaced(stage, "SIGSTOP of a worker, the bootstrap being new")


def test_a_stopped_worker_is_replaced(stage: Stage) -> None:
    _stopped_worker_is_replaced(stage, "SIGSTOP of a worker")


def _stopped_worker_is_replaced(stage: Stage, fault: str) -> None:
    name, pid = victim(stage)
    with failing(stage, fault, may_lose=True) as found:
        os.kill(pid, signal.SIGSTOP)
        replaced(stage, fault, name, pid)
    # A stopped worker accepts nobody: those that it had accepted are lost with it, everybody else is served.
    assert_only_its_own(stage, found, pid)
    assert_not_mixed(stage)


def test_all_workers_killed_at_once_cost_what_they_had_in_flight(stage: Stage) -> None:
    fault = "SIGKILL of all workers"
    before = stage.workers()
    with failing(stage, fault, may_lose=True) as found:
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        for name, pid in before.items():
            replaced(stage, fault, name, pid)
    assert len(found) <= len(before) * CLIENTS
    assert "refused" not in {each["failure"] for each in found}
    assert_not_mixed(stage)


def test_workers_that_renew_themselves_cost_nothing(stage: Stage) -> None:
    """MOORING_MAX_REQUESTS under load: each worker drains and comes again every few seconds."""
    lives = 6
    names = list(stage.workers())
    seen: set[int] = set()

    def enough() -> bool:
        seen.update({ready(stage, name) or 0 for name in names} - {0})
        return len(seen) >= lives

    with harmless(stage, f"workers renew themselves, {lives} lives"):
        settings = {**stage.knobs["worker_settings"], "MOORING_MAX_REQUESTS": 1000}
        stage.deploy(worker_settings=settings)
        names = [f"{NAME}-{stage.live()['colour']}:{number}" for number in range(len(names))]
        stage.until(enough, 120)
        stage.deploy()
    assert_not_mixed(stage)
