"""The WSGI environ by a real worker: what PEP 3333, RFC 3875 and RFC 9110 say of it, and what common servers do."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from support.worker import Client, Worker, worker


@pytest.fixture(scope="module")
def one() -> Iterator[Worker]:
    with worker("worker_apps:show_environ") as running:
        yield running


@contextlib.contextmanager
def listening(family: socket.AddressFamily, address: tuple[str, int], dual: bool = False) -> Iterator[Worker]:
    """Run a worker that listens there."""
    one = Worker("worker_apps:show_environ")
    one.listener.close()
    one.listener = socket.create_server(address, family=family, dualstack_ipv6=dual)
    one.address = one.listener.getsockname()
    try:
        yield one.start()
    finally:
        one.stop()


def told(client: Client, line: str = "GET / HTTP/1.1", *fields: str) -> dict[str, str]:
    lines = [line, *(fields or ["Host: a"]), "", ""]
    answer = client.ask("\r\n".join(lines).encode("latin-1"))
    assert answer.status == 200, answer
    found: dict[str, str] = json.loads(answer.body)
    return found


# The server's and the client's address


def addresses(client: Client) -> tuple[str, str]:
    found = told(client, "GET / HTTP/1.0", "X: y")
    assert found["SERVER_PORT"] == str(client.sock.getpeername()[1])
    assert found["REMOTE_PORT"] == str(client.sock.getsockname()[1])
    assert "HTTP_HOST" not in found
    return found["SERVER_NAME"], found["REMOTE_ADDR"]


def test_an_ipv6_address_stands_in_brackets() -> None:
    with listening(socket.AF_INET6, ("::1", 0)) as one, one.client() as client:
        assert addresses(client) == ("[::1]", "::1")


def test_an_ipv4_address_of_an_ipv6_socket() -> None:
    with listening(socket.AF_INET6, ("::ffff:127.0.0.1", 0), dual=True) as one, one.client() as client:
        assert addresses(client) == ("127.0.0.1", "127.0.0.1")


def test_a_dual_stack_socket_knows_a_client_by_one_address() -> None:
    with listening(socket.AF_INET6, ("::", 0), dual=True) as one:
        for host in ("127.0.0.1", "::1"):
            with contextlib.closing(Client(socket.create_connection((host, one.address[1])))) as client:
                assert addresses(client) == (socket.gethostname(), host)


def test_a_unix_socket_has_a_name_and_a_port() -> None:
    one = Worker("worker_apps:show_environ", unix=True)
    try:
        with one.start().client() as client:
            found = told(client, "GET / HTTP/1.0", "X: y")
    finally:
        one.stop()
    assert (found["SERVER_NAME"], found["SERVER_PORT"], found["REMOTE_ADDR"]) == ("localhost", "80", "")
    assert "REMOTE_PORT" not in found


# The request line


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/?", "/", ""),
        ("/a%20b?c=%20d", "/a b", "c=%20d"),
        ("/a%2Fb//c/", "/a/b//c/", ""),
        ("/a;b=c?d?e", "/a;b=c", "d?e"),
        ("/caf%C3%A9", "/caf\xc3\xa9", ""),
        ("/caf\xc3\xa9?\xc3\xa9", "/caf\xc3\xa9", "\xc3\xa9"),
        ("/%zz%4", "/%zz%4", ""),
        ("/%25%32%30", "/%20", ""),
        ("/a/../b/./c", "/a/../b/./c", ""),
        ("//a/b", "//a/b", ""),
        ("http://b:80/c?d", "/c", "d"),
        ("http://b", "/", ""),
        ("http://b?c", "/", "c"),
    ],
)
def test_a_target(client: Client, target: str, path: str, query: str) -> None:
    found = told(client, f"GET {target} HTTP/1.1")
    assert (found["PATH_INFO"], found["QUERY_STRING"], found["SCRIPT_NAME"]) == (path, query, "")
    assert found["REQUEST_URI"] == found["RAW_URI"] == target


@pytest.mark.parametrize("method", ["GET", "PATCH", "PROPFIND", "get", "M-SEARCH", "X!"])
def test_a_method_comes_as_it_is(client: Client, method: str) -> None:
    assert told(client, f"{method} / HTTP/1.1")["REQUEST_METHOD"] == method


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_the_version(client: Client, version: str) -> None:
    found = told(client, f"GET / {version}")
    assert (found["SERVER_PROTOCOL"], found["wsgi.url_scheme"]) == (version, "http")


# The fields


def test_fields_that_stand_several_times(client: Client) -> None:
    found = told(
        client, "GET / HTTP/1.1", "Host: a", "Cookie: a=1", "Accept: b/c", "cookie: b=2; c=3", "X-Y: 1", "accept: d/e",
        "COOKIE: d=4", "x-y: 1",
    )  # fmt: skip
    assert found["HTTP_COOKIE"] == "a=1; b=2; c=3; d=4"
    assert (found["HTTP_ACCEPT"], found["HTTP_X_Y"]) == ("b/c,d/e", "1,1")


def test_type_and_length_have_keys_of_their_own(client: Client) -> None:
    found = told(
        client, "POST / HTTP/1.1", "Host: a", "Content-Type: a/b", "Content-Length: 0", "Content_Type: c/d"
    )
    assert (found["CONTENT_TYPE"], found["CONTENT_LENGTH"]) == ("a/b", "0")
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & found.keys()
    assert not {"CONTENT_TYPE", "CONTENT_LENGTH"} & told(client).keys()


# wsgi.input


@pytest.fixture(scope="module")
def rewinding() -> Iterator[Worker]:
    with worker("worker_apps:site", chunked_bodies="spool") as running:
        yield running


@pytest.mark.parametrize("size", [0, 5, 100_000])
def test_a_spooled_body_can_be_rewound(rewinding: Worker, size: int) -> None:
    with rewinding.client() as client:
        client.send(b"POST /rewinds HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        if size:
            client.send(b"%x\r\n%b\r\n" % (size, b"x" * size))
        answer = client.ask(b"0\r\n\r\n")
        assert json.loads(answer.body) == {"seekable": True, "first": size, "second": size, "told": size}


def test_a_body_that_streams_says_that_it_cannot(rewinding: Worker) -> None:
    with rewinding.client() as client:
        client.send(b"POST /rewinds HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        answer = client.answer()
        assert answer is not None
        found = json.loads(client.ask(b"hello").body)
        assert (found["seekable"], found["first"], found["second"]) == (False, 5, 0)
        assert "not seekable" in found["refused"]
