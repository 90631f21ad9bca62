"""Deadlines are totals; memory is bounded; nobody holds a worker by being slow."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.waiting import until
from support.worker import GET, Client, Worker, worker

LONG = 600


@contextlib.contextmanager
def site(**settings: Any) -> Iterator[Worker]:
    calm = dict.fromkeys(("header_timeout", "body_timeout", "write_timeout", "keepalive_timeout"), LONG)
    with worker("worker_apps:site", **{**calm, **settings}) as one:
        yield one


@contextlib.contextmanager
def dripping(client: Client, data: Callable[[], bytes]) -> Iterator[threading.Event]:
    """Send a few bytes again and again until the connection fails; the event tells that it has."""
    over, stop = threading.Event(), threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not stop.wait(0.02):
                client.sock.send(data())
        over.set()

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield over
    finally:
        stop.set()
        thread.join()


def test_a_connection_that_says_nothing_is_closed() -> None:
    with site(header_timeout=0.5) as one, one.client() as client:
        assert client.at_end()
        assert one.stats()["refused"] == 0


@pytest.mark.parametrize("drip", [b"a", b"aaaaaaaaa: b\r\n"], ids=["one field", "ever more fields"])
def test_a_dripping_head_is_cut_at_the_deadline(drip: bytes) -> None:
    with site(header_timeout=1, max_header_fields=5000) as one, one.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        with dripping(client, lambda: drip):
            answer = client.answer()
            assert answer is not None
            assert (answer.status, answer.field("Connection")) == (408, "close")
            assert "MOORING_HEADER_TIMEOUT" in answer.body.decode()


def test_a_dripping_head_on_a_kept_connection_is_cut_too() -> None:
    with site(header_timeout=1) as one, one.client() as client:
        client.ask()
        with dripping(client, lambda: b"G"):
            answer = client.answer()
            assert answer is not None
            assert answer.status == 408


def test_a_head_that_was_begun_behind_a_slow_request_has_its_own_time() -> None:
    with site(header_timeout=1) as one, one.client() as client:
        client.send(b"GET /sleeps_longer_than_the_header_timeout HTTP/1.1\r\nHost: a\r\n\r\n" + GET[:10])
        answer = client.answer()
        assert answer is not None
        assert answer.status == 200
        assert client.ask(GET[10:]).body == b"root"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_dripping_body_is_cut(chunked: bool) -> None:
    with site(body_timeout=1) as one, one.client() as client:
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 1000000"
        head = b"POST /counts_body HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" + framing + b"\r\n\r\n"
        assert client.ask(head).status == 100
        with dripping(client, lambda: b"1\r\nx\r\n" if chunked else b"x"):
            answer = client.answer()
            assert answer is not None
            assert (answer.status, answer.field("Connection")) == (408, "close")
            assert "MOORING_BODY_TIMEOUT" in answer.body.decode()


def test_a_slow_body_that_keeps_the_least_rate_is_not_cut() -> None:
    """It takes several times body_timeout in all, at 50 times min_rate."""
    with site(body_timeout=0.5, min_rate=100) as one, one.client() as client:
        size = 10_000
        client.send(b"POST /counts_body HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        sent = 0

        def piece() -> bytes:
            nonlocal sent
            data = b"x" * min(100, size - sent)
            sent += len(data)
            return data

        with dripping(client, piece):
            answer = client.answer()
            assert answer is not None
            assert answer.body == b"%d" % size


def test_a_body_that_the_application_does_not_ask_for_has_no_deadline() -> None:
    with site(body_timeout=0.2) as one, one.client() as client, one.client() as other:
        client.send(b"POST /quiet_wait HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        until(lambda: one.stats()["requests"] == 1, "the application waits")
        other.send(b"POST /counts_body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        answer = other.answer()  # this one has been asked for, and its deadline passes
        assert answer is not None
        assert answer.status == 408
        with one.client() as third:
            third.ask(b"GET /release HTTP/1.1\r\nHost: a\r\n\r\n")
        client.send(b"hello")
        answer = client.answer()
        assert answer is not None
        assert answer.body == b"at last"


def test_a_client_that_does_not_read_is_cut() -> None:
    with site(write_timeout=0.5) as one, one.client() as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: one.stats()["timeouts"] == 1, "it is cut")
        until(lambda: one.stats()["open"] == 0, "it is closed")
        with pytest.raises((AssertionError, ConnectionResetError)):
            client.answer()


def test_an_idle_kept_connection_is_closed_without_a_word() -> None:
    with site(keepalive_timeout=0.5) as one, one.client() as client:
        client.ask()
        assert client.at_end()
        client.close()
        until(lambda: one.stats()["open"] == 0, "it is closed")
        assert one.words() == ""


def test_no_keep_alive_at_all() -> None:
    with site(keepalive_timeout=0) as one, one.client() as client:
        assert client.ask().field("Connection") == "close"
        assert client.at_end()


def test_what_a_refused_client_still_sends_is_read_away_for_a_moment_only() -> None:
    with site(linger_timeout=0.5) as one, one.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
        with dripping(client, lambda: b"x" * 1000) as over:
            answer = client.answer()
            assert answer is not None
            assert answer.status == 413
            until(over.is_set, "the worker stops to listen")
        until(lambda: one.stats()["open"] == 0, "it is closed")


def test_a_hundred_slow_clients_do_not_keep_others_from_being_served() -> None:
    with site(header_timeout=2) as one:
        slow = [one.connect() for _ in range(100)]
        for client in slow:
            client.send(GET[:20])
        with one.client() as client:
            for _ in range(50):
                assert client.ask().body == b"root"
        until(lambda: one.stats()["refused"] == 100, "all are cut")
        for client in slow:
            answer = client.answer()
            assert answer is not None
            assert answer.status == 408
            client.close()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"a" * 10_000_000, id="endless field"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 2_000_000, id="endless fields"),
        pytest.param(b"A" * 10_000_000, id="endless method"),
        pytest.param(b"GET /" + b"a" * 10_000_000, id="endless target"),
        pytest.param(b"\r\n" * 5_000_000, id="endless empty lines"),
        pytest.param(
            b"POST /swallows_body_error HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 10_000_000,
            id="endless chunk size",
        ),
        pytest.param(
            b"POST /counts_body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"1;" + b"a" * 250 + b"\r\nx\r\n") * 40_000,
            id="endless extensions",
        ),
        pytest.param(
            b"POST /counts_body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: a\r\n" * 2_000_000,
            id="endless trailers",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 200_000, id="endless pipeline"),
        pytest.param(
            b"POST /ignores_body HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000,
            id="unread body",
        ),
        pytest.param(
            b"POST /counts_body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1\r\nx\r\n" * 1_000_000 + b"0\r\n\r\n",
            id="a million chunks",
        ),
    ],
)  # fmt: skip
def test_no_input_makes_a_connection_use_much_memory(small: Worker, data: bytes) -> None:
    with small.client() as client:
        client.ask()  # whatever the first connection costs once
    proc = Path(f"/proc/{small.process.pid}")
    (proc / "clear_refs").write_text("5")  # proc(5): the peak of resident memory starts anew
    before = _peak(proc)
    with small.client() as client:
        thread = threading.Thread(target=_send_all, args=(client, data))
        thread.start()
        until(lambda: not thread.is_alive() or small.stats()["open"] == 0, "all is taken, or refused")
        client.sock.shutdown(socket.SHUT_RDWR)
        thread.join()
    until(lambda: small.stats()["open"] == 0, "the connection is over")
    assert _peak(proc) - before < 8 << 20


def _peak(proc: Path) -> int:
    """Return the peak of resident memory in bytes."""
    (line,) = (line for line in (proc / "status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def _send_all(client: Client, data: bytes) -> None:
    """Send, and read away what comes, until either side has had enough."""
    client.sock.setblocking(False)
    view = memoryview(data)
    while view:
        with contextlib.suppress(BlockingIOError):
            try:
                view = view[client.sock.send(view[:100_000]) :]
            except (BrokenPipeError, ConnectionResetError):
                return
        with contextlib.suppress(OSError):
            client.sock.recv(1 << 20)


@pytest.fixture(scope="module")
def small() -> Iterator[Worker]:
    with worker("worker_apps:site", linger_timeout=1) as one:
        yield one
