"""Websockets under the worker: both libraries find the client's socket, and a drain closes them with 1001."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Message, Ping, Request

from support.certificates import Authority
from support.waiting import DEADLINE, until
from support.worker import Worker

WEBOB = {"PYTHONWARNINGS": "error,ignore::DeprecationWarning,ignore::ResourceWarning"}
LONG = 600


def start(framework: str, **settings: Any) -> Worker:
    graces = {
        "drain_timeout": LONG,
        "drain_idle_grace": 0.2,
        "drain_first_byte_grace": 0.2,
        "linger_timeout": LONG,
    }
    return Worker(f"websocket_apps:make_{framework}()", **{**graces, **settings}).start(env=WEBOB)


@pytest.fixture(scope="module", params=["django", "pecan", "wsgi"])
def one(request: pytest.FixtureRequest) -> Iterator[Worker]:
    started = start(request.param)
    yield started
    started.stop()


class Socket:
    """A client that speaks by the book (wsproto)."""

    def __init__(self, sock: socket.socket, path: str, early: bytes = b"") -> None:
        sock.settimeout(DEADLINE)
        self.sock = sock
        self.ws = WSConnection(ConnectionType.CLIENT)
        self._events: list[Any] = []
        self.send(Request(host="a", target=path), early)
        assert isinstance(self.next(), AcceptConnection)

    def send(self, event: Any, behind: bytes = b"") -> None:
        self.sock.sendall(self.ws.send(event) + behind)

    def next(self) -> Any:
        """Return the next event; None at the connection's end."""
        while not self._events:
            received = self.sock.recv(65536)
            if not received:
                return None
            self.ws.receive_data(received)
            self._events += list(self.ws.events())
        event = self._events.pop(0)
        if isinstance(event, Ping):
            if (
                self.ws.state is ConnectionState.OPEN
            ):  # behind its own Close a client sends nothing (RFC 6455 5.5.1)
                self.send(event.response())
            return self.next()
        return event

    def message(self) -> Any:
        """Return the next message, put together."""
        data: Any = None
        while True:
            event = self.next()
            assert isinstance(event, Message), event
            data = event.data if data is None else data + event.data
            if event.message_finished:
                return data

    def ask(self, data: Any) -> Any:
        self.send(Message(data=data))
        return self.message()

    def close_of_the_worker(self) -> CloseConnection:
        """Pass over messages until its Close frame, answer that, and see the end."""
        while not isinstance(event := self.next(), CloseConnection):
            assert isinstance(event, Message), event
        self.send(event.response())
        assert self.sock.recv(1) == b""
        return event


@contextlib.contextmanager
def opened(one: Worker, path: str) -> Iterator[Socket]:
    sock = socket.create_connection(one.address, timeout=DEADLINE)
    try:
        yield Socket(sock, path)
    finally:
        sock.close()


def page(path: str, fields: str = "") -> bytes:
    return f"GET /{path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()


def what(one: Worker) -> str:
    with one.client() as client:
        return client.ask(page("what")).body.decode()


LIBRARIES = ["eventlet", "simple", "pings"]


@pytest.mark.parametrize("name", LIBRARIES)
def test_messages_go_to_and_fro_while_others_are_served(one: Worker, name: str) -> None:
    with opened(one, f"/{name}") as ws, one.client() as client:
        for data in ("hello", b"\0\xff", "x" * 200_000):
            assert ws.ask(data) == data
            assert client.ask(page("")).body == b"root"
        ws.send(CloseConnection(code=1000))
        assert isinstance(ws.next(), CloseConnection)
        assert ws.sock.recv(1) == b""
    until(lambda: one.stats()["open"] == 0, "the connection is over")


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_client_that_goes_away_ends_it(one: Worker, name: str) -> None:
    before = what(one).count(":")
    with opened(one, f"/{name}") as ws:
        assert ws.ask("hello") == "hello"
    until(lambda: what(one).count(":") == before + 1, "the handler has returned")
    until(lambda: one.stats()["open"] == 0, "the connection is over")


def test_what_comes_with_the_head_is_the_first_message(one: Worker) -> None:
    frame = b"\x81\x85\0\0\0\0early"
    for name in LIBRARIES[:2]:
        with socket.create_connection(one.address, timeout=DEADLINE) as sock:
            assert Socket(sock, f"/{name}", early=frame).message() == "early"


def test_a_handler_that_returns_ends_the_connection(one: Worker) -> None:
    for name, said in (("goodbye", "goodbye"), ("leaves", "left")):
        with opened(one, f"/{name}") as ws:
            assert ws.message() == said
            while (event := ws.next()) is not None:
                assert isinstance(event, CloseConnection)
    until(lambda: one.stats()["open"] == 0, "the connections are over")


def test_a_handler_that_fails_is_told_and_nothing_is_sent(one: Worker) -> None:
    errors = one.words().count('"error": "ValueError: in the handler"')
    with opened(one, "/fails") as ws:
        ws.send(Message(data="go"))
        assert ws.next() is None
    assert one.words().count('"error": "ValueError: in the handler"') == errors + 1


@pytest.mark.parametrize(
    "fields",
    [
        "Upgrade: websocket\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
    ],
)
def test_an_upgrade_that_nobody_takes_up_is_an_ordinary_request(one: Worker, fields: str) -> None:
    with one.client() as client:
        assert client.ask(page("", fields)).body == b"root"
        assert client.ask(page("")).body == b"root"


@pytest.mark.parametrize("name", ["eventlet", "simple", "pings", "ticks", "floods"])
def test_a_drain_closes_with_1001(framework: str, name: str) -> None:
    one = start(framework)
    try:
        with opened(one, f"/{name}") as ws:
            if name in LIBRARIES:
                assert ws.ask("hello") == "hello"
            else:
                ws.message()
            one.terminate()
            assert ws.close_of_the_worker().code == 1001
        assert one.wait() == 0, one.words()
        assert "Traceback" not in one.words()
    finally:
        one.stop()


@pytest.fixture(scope="module", params=["django", "pecan", "wsgi"])
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_client_that_does_not_answer_the_close_is_left() -> None:
    one = start("wsgi", linger_timeout=0.2)
    try:
        with opened(one, "/eventlet") as ws:
            assert ws.ask("hello") == "hello"
            one.terminate()
            assert one.wait() == 0, one.words()
            assert ws.next().code == 1001
    finally:
        one.stop()


def test_a_websocket_that_is_opened_in_a_drain_is_closed_at_once() -> None:
    one = start("wsgi", drain_idle_grace=LONG)
    try:
        with one.client() as client:
            assert client.ask(page("")).body == b"root"
            one.terminate()
            until(lambda: '"event": "drain"' in one.words(), "the drain has begun")
            assert Socket(client.sock, "/eventlet").close_of_the_worker().code == 1001
            client.close()
            assert one.wait() == 0
    finally:
        one.stop()


@pytest.mark.parametrize("name", LIBRARIES)
def test_over_tls(tmp_path: Path, name: str) -> None:
    authority = Authority(tmp_path, "authority")
    cert, key = authority.sign("server")
    one = start("wsgi", tls_cert=cert, tls_key=key)
    try:
        raw = socket.create_connection(one.address, timeout=DEADLINE)
        context = ssl.create_default_context(cafile=str(authority.path))
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as sock:
            ws = Socket(sock, f"/{name}")
            assert ws.ask("x" * 100_000) == "x" * 100_000
            one.terminate()
            assert ws.close_of_the_worker().code == 1001
        assert one.wait() == 0, one.words()
    finally:
        one.stop()


def test_a_client_that_does_not_read_is_left() -> None:
    one = start("wsgi", write_timeout=0.5, linger_timeout=0.2)
    try:
        with opened(one, "/floods"):
            until(lambda: "floods: over" in what(one), "the handler has ended")
    finally:
        one.stop()
