"""Bodies go through as they come, over a socket: nothing waits for the whole, and whoever leaves ends it for all."""

from __future__ import annotations

import hashlib
import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from support.api import PREFIX, Stage
from support.upstream.clients import OverSocket
from support.upstream.server import Upstream, chunked, raw
from support.upstream.wire import Seen, Wire
from support.upstream.worker import Worker
from support.waiting import DEADLINE, until

PATH = f"{PREFIX}/v0/owner_region/images/1/file"
PIECE = b"p" * 5000


@pytest.fixture
def connection(socket_api: OverSocket) -> Iterator[http.client.HTTPConnection]:
    """A connection to a real worker."""
    opened = http.client.HTTPConnection("127.0.0.1", socket_api.port, timeout=DEADLINE)
    yield opened
    opened.close()


def test_a_download_arrives_as_it_is_sent(connection: http.client.HTTPConnection, msb: Upstream) -> None:
    arrived = threading.Semaphore(0)

    def reply(_seen: Seen, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            wire.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
            assert arrived.acquire(timeout=DEADLINE), "the piece did not reach the client"
        wire.send(b"0\r\n\r\n")

    msb.reply = reply
    connection.request("GET", PATH)
    response = connection.getresponse()
    for _ in range(3):
        assert response.read(len(PIECE)) == PIECE
        arrived.release()
    assert response.read() == b""


def test_a_long_download_of_known_length_arrives_as_it_is_sent(
    connection: http.client.HTTPConnection, msb: Upstream
) -> None:
    arrived = threading.Event()

    def reply(_seen: Seen, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"a" * 1000)
        assert arrived.wait(DEADLINE), "the beginning did not reach the client"
        wire.send(b"b" * 99_000)

    msb.reply = reply
    connection.request("GET", PATH)
    response = connection.getresponse()
    assert response.read(1000) == b"a" * 1000
    arrived.set()
    assert response.read() == b"b" * 99_000


def test_an_upload_arrives_as_it_is_sent(connection: http.client.HTTPConnection, msb: Upstream) -> None:
    msb.read_bodies = False
    got: list[bytes] = []
    arrived = threading.Semaphore(0)

    def reply(_seen: Seen, wire: Wire) -> None:
        while b"0\r\n\r\n" not in (some := wire.read_some()):
            got.append(some)
            arrived.release()
        got.append(some)
        wire.send(b"HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n")

    msb.reply = reply
    connection.putrequest("PUT", PATH)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    for letter in (b"a", b"b", b"c"):
        connection.send(b"3\r\n" + letter * 3 + b"\r\n")
        assert arrived.acquire(timeout=DEADLINE), "the piece did not reach the driver"
    connection.send(b"0\r\n\r\n")
    assert connection.getresponse().status == 201
    assert b"".join(got) == b"3\r\naaa\r\n3\r\nbbb\r\n3\r\nccc\r\n0\r\n\r\n"


@pytest.mark.parametrize("length", [b"Content-Length: 999999999", b"Transfer-Encoding: chunked"])
def test_a_client_that_leaves_a_download_ends_it(
    socket_api: OverSocket, msb: Upstream, length: bytes
) -> None:
    ended = threading.Event()

    def reply(_seen: Seen, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n")
        try:
            while True:
                wire.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            ended.set()

    msb.reply = reply
    with socket.create_connection(("127.0.0.1", socket_api.port), timeout=DEADLINE) as client:
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert ended.wait(DEADLINE), "the driver was left sending"


@pytest.mark.parametrize("framing", ["Content-Length: 999999", "Transfer-Encoding: chunked"])
def test_a_client_that_leaves_an_upload_ends_it(socket_api: OverSocket, msb: Upstream, framing: str) -> None:
    msb.read_bodies = False
    begun, ended = threading.Event(), threading.Event()

    def reply(_seen: Seen, wire: Wire) -> None:
        wire.read_some()
        begun.set()
        if wire.closed_by_client():
            ended.set()

    msb.reply = reply
    with socket.create_connection(("127.0.0.1", socket_api.port), timeout=DEADLINE) as client:
        client.sendall(f"PUT {PATH} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n5\r\nhello\r\n".encode())
        assert begun.wait(DEADLINE)
    assert ended.wait(DEADLINE), "the driver was left waiting"


@pytest.mark.parametrize(
    "reply",
    [
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 500_000),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 500_000, "reset"),
        chunked(*[b"x" * 65536] * 10, end=False),
    ],
)
def test_a_long_answer_that_is_cut_short_stays_so(
    socket_api: OverSocket, msb: Upstream, reply: object
) -> None:
    msb.reply = reply  # type: ignore[assignment]
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        socket_api.request("GET", PATH)
    assert socket_api.request("GET", f"{PREFIX}/v0/vim_types").status == 200


def test_a_slow_driver_holds_nobody_up(socket_api: OverSocket, msb: Upstream) -> None:
    """200 requests are with the driver at once before it answers the first; others are answered meanwhile."""
    count = 200
    all_there = threading.Event()
    release = threading.Event()

    def reply(_seen: Seen, wire: Wire) -> None:
        if len(msb.seen) == count:
            all_there.set()
        assert release.wait(DEADLINE)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    msb.reply = reply
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(socket_api.request("GET", PATH).status))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    assert all_there.wait(DEADLINE), f"only {len(msb.seen)} of {count} reached the driver"
    assert socket_api.request("GET", f"{PREFIX}/v0/vim_types").status == 200
    release.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert statuses == [200] * count


SIZE = 40 << 20


def test_memory_stays_bounded(framework: str, stage: Stage, msb: Upstream) -> None:
    """40 MiB each way raise a worker's resident memory by less than 16 MiB."""
    block = bytes(range(256)) * 256

    def reply(seen: Seen, wire: Wire) -> None:
        if seen.method == "PUT":
            wire.send(b"HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n")
            return
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(block)):
            wire.send(block)

    msb.reply = reply
    with Worker(framework, stage.settings) as worker:
        assert worker.client.request("GET", f"{PREFIX}/v0/vim_types").status == 200
        before = worker.resident()
        most = [before]
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.01):
                most.append(worker.resident())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            body = block * (SIZE // len(block))
            assert worker.client.request("PUT", PATH, {}, body).status == 201
            got = worker.client.request("GET", PATH)
        finally:
            done.set()
            watcher.join()
        expected = hashlib.sha256(body).hexdigest()
        assert (msb.seen[0].digest, hashlib.sha256(got.body).hexdigest()) == (expected, expected)
        assert max(most) - before < 16 << 20
        until(lambda: worker.resident() - before < 16 << 20, "what was needed is given back")
