"""Who the client is: by the socket, by trusted proxies' fields, by the PROXY protocol; never by a client's word."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from support.worker import Client, Worker, worker


def environ(client: Client, *fields: str) -> dict[str, str]:
    answer = client.ask(
        ("GET / HTTP/1.1\r\nHost: a\r\n" + "".join(f"{f}\r\n" for f in fields) + "\r\n").encode()
    )
    told: dict[str, str] = json.loads(answer.body)
    return told


@contextlib.contextmanager
def showing(**settings: Any) -> Iterator[Worker]:
    with worker("worker_apps:show_environ", **settings) as one:
        yield one


def test_by_default_nobody_is_believed() -> None:
    with showing() as one, one.client() as client:
        told = environ(
            client,
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-Proto: https",
            "Forwarded: for=9.9.9.9;proto=https",
            "X-Forwarded-Host: evil",
        )
        assert told["REMOTE_ADDR"] == "127.0.0.1"
        assert told["REMOTE_PORT"] == str(client.sock.getsockname()[1])
        assert told["wsgi.url_scheme"] == "http"
        assert told["HTTP_HOST"] == "a"
        assert told["HTTP_X_FORWARDED_FOR"] == "9.9.9.9"  # still there for who forwards it


@pytest.mark.parametrize(
    ("fields", "address", "scheme"),
    [
        (["X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https"], "9.9.9.9", "https"),
        (["X-Forwarded-For: 8.8.8.8, 9.9.9.9"], "9.9.9.9", "http"),
        (["X-Forwarded-For: 9.9.9.9, 10.1.2.3, 127.0.0.1"], "9.9.9.9", "http"),
        (["X-Forwarded-For: 9.9.9.9", "X-Forwarded-For: 10.0.0.1"], "9.9.9.9", "http"),
        (["X-Forwarded-For: 10.0.0.1, 10.0.0.2"], "10.0.0.1", "http"),
        (["X-Forwarded-For: 9.9.9.9:1234"], "9.9.9.9", "http"),
        (["X-Forwarded-For: 2001:db8::1"], "2001:db8::1", "http"),
        (["X-Forwarded-For: [2001:db8::1]:80"], "2001:db8::1", "http"),
        (["X-Forwarded-For: ::ffff:9.9.9.9"], "9.9.9.9", "http"),
        (["X-Forwarded-For: 9.9.9.9, ::ffff:10.0.0.1"], "9.9.9.9", "http"),
        (["X-Forwarded-For: fe80::1%eth0"], "fe80::1", "http"),
        (["X-Forwarded-For: 9.9.9.9, nonsense, 10.0.0.1"], "10.0.0.1", "http"),
        (["X-Forwarded-For: nonsense"], "127.0.0.1", "http"),
        (["X-Forwarded-For: "], "127.0.0.1", "http"),
        (["X-Forwarded-Proto: http, https"], "127.0.0.1", "https"),
        (["X-Forwarded-Proto: gopher"], "127.0.0.1", "http"),
        (["X_Forwarded_For: 9.9.9.9"], "127.0.0.1", "http"),
        (["Forwarded: for=9.9.9.9;proto=https"], "127.0.0.1", "http"),  # not the field that the proxies write
    ],
)
def test_x_forwarded_of_a_trusted_proxy(
    trusting: Worker, fields: list[str], address: str, scheme: str
) -> None:
    with trusting.client() as client:
        told = environ(client, *fields)
        assert (told["REMOTE_ADDR"], told["wsgi.url_scheme"]) == (address, scheme)
        assert ("REMOTE_PORT" in told) == (address == "127.0.0.1")


@pytest.fixture(scope="module")
def trusting() -> Iterator[Worker]:
    with showing(trusted_proxies="127.0.0.1,10.0.0.0/8") as one:
        yield one


@pytest.mark.parametrize(
    ("fields", "address", "scheme"),
    [
        (["Forwarded: for=9.9.9.9;proto=https"], "9.9.9.9", "https"),
        (
            ['Forwarded: for="[2001:db8::1]:80";by=x', "Forwarded: For=10.0.0.1;PROTO=HTTPS"],
            "2001:db8::1",
            "https",
        ),
        (["Forwarded: for=8.8.8.8, for=9.9.9.9"], "9.9.9.9", "http"),
        (["Forwarded: for=_hidden"], "127.0.0.1", "http"),
        (["X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https"], "127.0.0.1", "http"),
    ],
)
def test_forwarded_of_a_trusted_proxy(
    reading_forwarded: Worker, fields: list[str], address: str, scheme: str
) -> None:
    with reading_forwarded.client() as client:
        told = environ(client, *fields)
        assert (told["REMOTE_ADDR"], told["wsgi.url_scheme"]) == (address, scheme)


@pytest.fixture(scope="module")
def reading_forwarded() -> Iterator[Worker]:
    with showing(trusted_proxies="127.0.0.1,10.0.0.0/8", forwarded_field="forwarded") as one:
        yield one


@pytest.mark.parametrize("trusted", [False, True])
def test_a_unix_socket(trusted: bool) -> None:
    with (
        showing(unix=True, **({"trusted_proxies": "unix"} if trusted else {})) as one,
        one.client() as client,
    ):
        assert environ(client, "X-Forwarded-For: 9.9.9.9")["REMOTE_ADDR"] == ("9.9.9.9" if trusted else "")


SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def header(source: str, port: int, *, command: int = 0x21, more: bytes = b"") -> bytes:
    address = ipaddress.ip_address(source)
    family = 0x11 if address.version == 4 else 0x21
    addresses = address.packed * 2 + struct.pack("!HH", port, 9001) + more
    return SIGNATURE + struct.pack("!BBH", command, family, len(addresses)) + addresses


@pytest.mark.parametrize(
    ("source", "told_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),  # of a proxy with a dual-stack socket
    ],
)
def test_the_proxy_protocol(speaking: Worker, source: str, told_as: str) -> None:
    with speaking.client() as client:
        client.send(header(source, 1234, more=b"\x03\x00\x04abcd"))
        for _ in range(2):
            told = environ(client)
            assert (told["REMOTE_ADDR"], told["REMOTE_PORT"]) == (told_as, "1234")


def test_the_proxy_protocol_in_single_bytes(speaking: Worker) -> None:
    with speaking.client() as client:
        for byte in header("203.0.113.7", 1234):
            client.send(bytes([byte]))
        assert environ(client)["REMOTE_ADDR"] == "203.0.113.7"


def test_a_client_behind_the_proxy_protocol_is_not_itself_believed(speaking: Worker) -> None:
    with speaking.client() as client:
        client.send(header("203.0.113.7", 1234))
        assert environ(client, "X-Forwarded-For: 9.9.9.9")["REMOTE_ADDR"] == "203.0.113.7"


def test_a_health_check_of_the_proxy_speaks_for_itself(speaking: Worker) -> None:
    with speaking.client() as client:
        client.send(SIGNATURE + b"\x20\x00\x00\x00")
        assert environ(client)["REMOTE_ADDR"] == "127.0.0.1"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PROXY TCP4 203.0.113.7 127.0.0.1 1234 9001\r\n",
        header("203.0.113.7", 1, command=0x31),
        header("203.0.113.7", 1, command=0x22),
        SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 65535,
        SIGNATURE + b"\x21\x11\x00\x04abcd",
        SIGNATURE + b"\x21\x31\x00\x04abcd",
    ],
)
def test_what_is_no_header_is_closed_without_an_answer(speaking: Worker, data: bytes) -> None:
    with speaking.client() as client, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        client.send(data)
        assert client.file.read() == b""
    assert speaking.stats()["errors"] == 0


def test_others_than_the_trusted_speak_plain_http() -> None:
    with showing(trusted_proxies="10.0.0.0/8", proxy_protocol="on") as one:
        with one.client() as client:
            assert environ(client)["REMOTE_ADDR"] == "127.0.0.1"
        with one.client() as client:
            assert client.ask(header("203.0.113.7", 1234)).status == 400


@pytest.fixture(scope="module")
def speaking() -> Iterator[Worker]:
    with showing(trusted_proxies="127.0.0.1", proxy_protocol="on", header_timeout=600) as one:
        yield one
