"""`restart` on real supervisord and real workers: one at a time, each ready before the next."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring import removal, status_socket
from support.hosted import Hosted
from support.instance import APPLICATIONS, refusal
from support.processes import alive
from support.supervisord import Supervisord
from support.visitors import Visitors, ask
from support.waiting import until


@pytest.fixture
def instance(supervisord: Supervisord) -> Iterator[Hosted]:
    one = Hosted(supervisord, workers=2)
    one.build("r1")
    supervisord.start()
    yield one
    for name in ("releases", "venvs"):  # they are read-only
        removal.remove_tree(one.home / name)


def test_rolling_restart_loses_nobody(instance: Hosted) -> None:
    instance.deploy("r1")
    before = instance.server.pids("api-blue")
    with Visitors(("127.0.0.1", instance.port)) as visitors:
        done = instance.restart()
        visitors.more()
    assert not visitors.failures
    assert [each["old_pid"] for each in done] == before
    assert [each["pid"] for each in done] == instance.server.pids("api-blue")


def test_rolling_restart_gives_a_drain_its_own_time(instance: Hosted) -> None:
    """A request may take longer than a worker's start; that of the gate, 0.1 s here, is over before either."""
    instance.deploy("r1")
    with contextlib.ExitStack() as clients:
        held = []
        while not _open(instance)[0]:
            held.append(clients.enter_context(socket.create_connection(("127.0.0.1", instance.port))))
            held[-1].sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n12")
            until(lambda: sum(_open(instance)) == len(held), "a worker has the connection")
        restart = instance.popen("restart", "--timeout", "0.1")
        instance.await_states("api-blue", "STOPPING")
        with pytest.raises(subprocess.TimeoutExpired):
            restart.wait(1)
        for client in held:
            client.sendall(b"34")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
    _, errors = restart.communicate(timeout=60)
    assert "0 of 2 workers restarted; api-blue:0 has not become ready within 0.1 s" in errors
    instance.gate("blue")


def test_rolling_restart_ends_at_a_worker_that_does_not_come_back(instance: Hosted, folder: Path) -> None:
    copy = folder / "mine.py"
    copy.write_text(APPLICATIONS.read_text())
    instance.server.environ["PYTHONPATH"] += f":{folder}"
    instance.build("r2", app="mine:good")
    instance.deploy("r2")
    copy.write_text("raise RuntimeError('broken since')")
    second = instance.server.pids("api-blue")[1]
    says = refusal(instance.restart)
    assert "0 of 2 workers restarted; api-blue:0 " in says
    assert "broken since" in says
    assert alive(second)
    assert ask(("127.0.0.1", instance.port)) == str(second)


def _open(instance: Hosted) -> list[int]:
    return [status_socket.ask(instance.status_socket(f"blue-{n}"), "stats", 10)["open"] for n in (0, 1)]
