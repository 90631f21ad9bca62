"""A request's body without a length, by default: Django's and Pecan's forms see it, and nothing of it is left behind."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator

import pytest

from support.processes import open_files
from support.waiting import until
from support.worker import Client, Worker, worker

MAX_BODY = 1_000_000
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n%b\r\n--b--\r\n'
)
URLENCODED = "application/x-www-form-urlencoded"
JSON = "application/json"


@pytest.fixture(scope="module", params=["django", "pecan"])
def one(request: pytest.FixtureRequest) -> Iterator[Worker]:
    settings = {"framework": request.param, "max_body": MAX_BODY, "body_timeout": 1, "linger_timeout": 0.2}
    one = Worker(f"worker_frameworks:make_{request.param}()", **settings)
    try:
        # WebOb imports cgi, which Python deprecates and which leaves files to be closed by themselves
        yield one.start(env={"PYTHONWARNINGS": "error,ignore::DeprecationWarning,ignore::ResourceWarning"})
    finally:
        one.stop()


def head(content_type: str, fields: str = "", method: str = "POST", path: str = "form") -> bytes:
    return (
        f"{method} /{path} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\n"
        f"Transfer-Encoding: chunked\r\n{fields}\r\n"
    ).encode()


def chunks(body: bytes, trailers: bytes = b"") -> bytes:
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return coded + b"0\r\n" + trailers + b"\r\n"


def files_of(one: Worker) -> list[str]:
    """The files of its run folder that the worker holds open, with a name or without one."""
    held = open_files(one.process.pid).values()
    known = (f"{one.folder}/log", f"{one.folder}/test.load")
    return [path for path in held if path.startswith(f"{one.folder}/") and path not in known]


FORM = {"fields": {"a": "1", "b": "two words"}, "files": {}}


def asks(client: Client, request: bytes) -> object:
    answer = client.ask(request)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def test_an_urlencoded_form(client: Client) -> None:
    for _ in range(2):
        assert asks(client, head(URLENCODED) + chunks(b"a=1&b=two+words")) == FORM


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_form_with_a_file(one: Worker, client: Client, size: int) -> None:
    request = head("multipart/form-data; boundary=b") + chunks(MULTIPART % (b"x" * size))
    for _ in range(2):
        assert asks(client, request) == {"fields": {"field": "value"}, "files": {"file": size}}
    until(lambda: not files_of(one), "the file is closed")


@pytest.mark.parametrize("size", [1, 100_000])
def test_json(client: Client, size: int) -> None:
    assert asks(client, head(JSON) + chunks(json.dumps({"x": "y" * size}).encode())) == {"x": "y" * size}


def test_a_client_that_waits_for_100_continue(client: Client) -> None:
    continued = client.ask(head(URLENCODED, "Expect: 100-continue\r\n"))
    assert (continued.status, continued.fields) == (100, [])
    assert asks(client, chunks(b"a=1&b=two+words")) == FORM


def test_a_body_that_comes_byte_by_byte(client: Client) -> None:
    for byte in head(URLENCODED) + chunks(b"a=1&b=two+words"):
        client.send(bytes([byte]))
    answer = client.answer()
    assert answer is not None
    assert json.loads(answer.body) == FORM


def test_trailers_are_dropped(client: Client) -> None:
    request = head(URLENCODED, "Trailer: X-Sum\r\n") + chunks(
        b"a=1&b=two+words", b"X-Sum: 1\r\nContent-Length: 3\r\n"
    )
    assert asks(client, request) == FORM
    assert asks(client, request) == FORM


def test_an_empty_body(client: Client) -> None:
    assert asks(client, head(URLENCODED) + chunks(b"")) == {"fields": {}, "files": {}}
    assert asks(client, head(URLENCODED) + chunks(b"a=1&b=two+words")) == FORM


def test_a_body_of_a_method_that_has_none(client: Client) -> None:
    assert client.ask(head(JSON, method="GET", path="") + chunks(b"{}")).body == b"GET / http"
    assert asks(client, head(JSON, method="GET") + chunks(b'{"a": 1}')) == {"a": 1}


def test_http_10_has_no_chunks(client: Client) -> None:
    request = head(URLENCODED).replace(b"HTTP/1.1", b"HTTP/1.0") + chunks(b"a=1")
    assert client.ask(request).status == 400


def test_a_body_that_is_too_large(one: Worker, client: Client) -> None:
    requests, is_spooled = one.stats()["requests"], one.settings["framework"] == "django"
    client.send(head(JSON) + b"80000\r\n" + b"x" * 0x80000 + b"\r\n")
    client.send(b"80000\r\n")
    answer = client.answer()
    assert answer is not None
    assert answer.status == 413
    assert one.stats()["requests"] == requests + (not is_spooled)
    until(lambda: not files_of(one), "the file is closed")


@pytest.mark.parametrize("begun", [b"5\r\nhel", b"20000\r\n" + b"x" * 0x20000, b"5\r\nhello\r\nzz"])
def test_a_client_that_goes_away_within_the_body(one: Worker, client: Client, begun: bytes) -> None:
    before, is_spooled = one.stats(), one.settings["framework"] == "django"
    client.send(head(JSON) + begun)
    if is_spooled and len(begun) > 1000:
        until(lambda: files_of(one), "the body stands in a file")
    client.close()
    until(lambda: not one.stats()["open"], "the connection is closed")
    assert one.stats()["requests"] == before["requests"] + (not is_spooled)
    until(lambda: not files_of(one), "the file is closed")


def test_a_client_that_sends_too_slowly(one: Worker, client: Client) -> None:
    client.send(head(JSON) + b"ffff\r\nx")
    answer = client.answer()
    assert answer is not None
    assert answer.status == 408
    until(lambda: not files_of(one), "the file is closed")


def test_no_room_for_a_body(one: Worker, client: Client) -> None:
    if one.settings["framework"] != "django":
        return  # nothing is spooled
    limits = resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        answer = client.ask(head(JSON) + chunks(b"x" * 300_000))
        assert (answer.status, answer.body) == (500, b"no room to spool the body: File too large\n")
        until(lambda: not files_of(one), "the file is closed")
    finally:
        resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, limits)
    with one.client() as other:
        assert asks(other, head(JSON) + chunks(json.dumps({"x": "y" * 300_000}).encode())) == {
            "x": "y" * 300_000
        }


def test_a_drain_waits_for_a_body_and_others_are_served_meanwhile() -> None:
    with worker("worker_apps:site", framework="django") as one, one.client() as client, one.client() as other:
        client.send(
            b"POST /sees_body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n"
            + b"x" * 0x1FFFF
        )
        until(lambda: files_of(one), "the body stands in a file")
        assert other.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").body == b"root"
        one.terminate()
        until(lambda: '"event": "drain"' in one.words(), "the drain has begun")
        answer = client.ask(b"x\r\n0\r\n\r\n")
        assert (answer.status, answer.field("Connection")) == (200, "close")
        assert json.loads(answer.body) == [0x20000, "131072", None]
        assert one.wait() == 0


def test_nothing_is_left_behind(one: Worker) -> None:
    names = {path.name for path in one.folder.iterdir()}
    assert names == {"log", "test.load", one.status_socket.name}
    assert "Traceback" not in one.words() or one.settings["framework"] == "pecan"
