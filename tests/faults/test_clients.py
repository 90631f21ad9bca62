"""Clients by the hundred that send nothing, or take every descriptor: they are cut, and harm nobody."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from mooring import status_socket
from support.faults import assert_not_mixed, harmless, no_descriptors
from support.load.stage import Stage

SLOW_CLIENTS = 300
SPARE = 20
"""Descriptors that a worker is left with: some for the load, none for a hundred."""


def test_slow_clients_by_the_hundred_are_cut_and_harm_nobody(stage: Stage) -> None:
    with harmless(stage, f"{SLOW_CLIENTS} slow clients"), _slow_clients(stage, SLOW_CLIENTS) as slow:
        for each in slow:
            _read_to_end(each)  # the server ends it, or this fails by the socket's own deadline


def test_workers_without_descriptors_serve_on_and_are_not_taken_for_blocked(stage: Stage) -> None:
    before = stage.pids()
    workers = stage.workers().values()
    with harmless(stage, "workers out of descriptors"), contextlib.ExitStack() as stack:
        for pid in workers:
            stack.enter_context(no_descriptors(pid, SPARE))
        slow = stack.enter_context(_slow_clients(stage, 100))
        stage.until(lambda: all(_accept_errors(stage, name) for name in stage.workers()))
        for each in slow:
            _read_to_end(each)
    assert stage.pids() == before
    assert_not_mixed(stage)


@contextmanager
def _slow_clients(stage: Stage, count: int) -> Iterator[list[socket.socket]]:
    """Connect, and send the beginning of a head."""
    with contextlib.ExitStack() as stack:
        slow = []
        for _ in range(count):
            each = socket.create_connection(("127.0.0.1", stage.port), timeout=60)
            slow.append(stack.enter_context(each))
            each.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Drip: ")
        yield slow


def _accept_errors(stage: Stage, name: str) -> int:
    path = stage.home / "run" / f"{name.replace(':', '-')}.sock"
    return int(status_socket.ask(path, status_socket.STATS, 10)["accept_errors"])


def _read_to_end(client: socket.socket) -> None:
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        return  # cut, too
