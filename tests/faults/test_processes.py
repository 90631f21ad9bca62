"""Processes killed and stopped under load: what fails is what the process itself had in flight, no more."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

from tests.faults.conftest import CLIENTS, HEADER_TIMEOUT
from tests.faults.support import assert_not_mixed, failing, holder, settled, told
from tests.load.stage import NAME, Stage

SLOW_CLIENTS = 300


def victim(stage: Stage) -> tuple[str, int]:
    return sorted(stage.workers().items())[0]


def replaced(stage: Stage, name: str, pid: int) -> None:
    """Wait until another process has the name; the time is printed, not judged."""
    since = time.monotonic()
    stage.until(lambda: stage.pids().get(name, pid) != pid)
    print(f"{name}: replaced after {time.monotonic() - since:.1f} s")


def test_a_killed_worker_costs_what_it_had_in_flight_alone(stage: Stage) -> None:
    name, pid = victim(stage)
    with failing(stage, "SIGKILL of a worker") as found:
        os.kill(pid, signal.SIGKILL)
        replaced(stage, name, pid)
    assert len(found) <= CLIENTS, told(stage, found)
    assert {holder(each) for each in found} <= {pid, None}, told(stage, found)
    assert_not_mixed(stage)


def test_a_killed_bootstrap_costs_nothing(stage: Stage) -> None:
    name = f"{NAME}-bootstrap"
    before = stage.pids()
    with failing(stage, "SIGKILL of the bootstrap") as found:
        os.kill(before[name], signal.SIGKILL)
        replaced(stage, name, before[name])
    assert not found, told(stage, found)
    assert stage.workers() == {key: pid for key, pid in before.items() if key != name}


def test_a_stopped_worker_is_replaced_by_the_new_bootstrap_s_watchdog(stage: Stage) -> None:
    name, pid = victim(stage)
    with failing(stage, "SIGSTOP of a worker") as found:
        os.kill(pid, signal.SIGSTOP)
        replaced(stage, name, pid)
    # A stopped worker accepts nobody: those that it had accepted are lost with it, everybody else is served.
    assert len(found) <= CLIENTS, told(stage, found)
    assert {holder(each) for each in found} <= {pid, None}, told(stage, found)
    assert_not_mixed(stage)


def test_slow_clients_by_the_hundred_are_cut_and_harm_nobody(stage: Stage) -> None:
    with failing(stage, f"{SLOW_CLIENTS} slow clients") as found:
        slow = [socket.create_connection(("127.0.0.1", stage.port), timeout=60) for _ in range(SLOW_CLIENTS)]
        try:
            for each in slow:
                each.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Drip: ")
            for each in slow:
                _read_to_end(each)  # the server ends it, or this fails by the socket's own deadline
        finally:
            for each in slow:
                each.close()
    assert not found, f"cut after {HEADER_TIMEOUT} s; {told(stage, found)}"


def test_a_killed_supervisord_leaves_no_orphan_and_the_next_deploy_mends_it(stage: Stage) -> None:
    pids = [*stage.pids().values(), int((stage.root / "supervisor/run/supervisord.pid").read_text())]
    # Nobody accepts until the deploy has ended, so this time requests are refused, more than a report lists.
    with stage.generator.marked("SIGKILL of supervisord"):
        os.kill(pids[-1], signal.SIGKILL)
        stage.until(lambda: not [pid for pid in pids if _runs(pid)])
        with socket.socket() as taker:  # nobody holds the port: it can be had
            taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taker.bind(("127.0.0.1", stage.port))
        stage.deploy()
    assert_not_mixed(stage)
    with stage.under_load("after the repair"):
        settled(stage)


def _read_to_end(client: socket.socket) -> None:
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        return  # cut, too


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
