"""Django's and Pecan's own features through the worker, unchanged: one set of tests for both."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.apps.worker_frameworks import DATA, parts
from support.worker import Client, Worker


@pytest.fixture(scope="module", params=["django", "pecan"])
def one(request: pytest.FixtureRequest) -> Iterator[Worker]:
    one = Worker(f"worker_frameworks:make_{request.param}()", framework=request.param)
    try:
        # WebOb imports cgi, which Python deprecates and which leaves files to be closed by themselves
        yield one.start(env={"PYTHONWARNINGS": "error,ignore::DeprecationWarning,ignore::ResourceWarning"})
    finally:
        one.stop()


def get(path: str, method: str = "GET", version: str = "1.1") -> bytes:
    return f"{method} /{path} HTTP/{version}\r\nHost: a\r\n\r\n".encode()


def post(
    path: str, body: bytes, content_type: str = "application/octet-stream", *, chunked: bool = False
) -> bytes:
    head = f"POST /{path} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\n".encode()
    if not chunked:
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    pieces = [body[at : at + 10_000] for at in range(0, len(body), 10_000)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n"


def test_a_page_with_cookies(client: Client) -> None:
    for _ in range(3):
        answer = client.ask(get("?x=%20y"))
        assert answer.body == b"GET /?x=%20y http"
        cookies = [value.strip().partition(";")[0] for name, value in answer.fields if name == "Set-Cookie"]
        assert cookies == ["a=1", "b=2"]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_stream(client: Client, version: str) -> None:
    answer = client.ask(get("stream", version=version))
    assert answer.body == b"".join(parts())
    assert (answer.field("Transfer-Encoding") == "chunked") == (version == "1.1")


def test_a_file(client: Client) -> None:
    for _ in range(2):
        answer = client.ask(get("file"))
        assert (answer.body, answer.field("Content-Length")) == (DATA, str(len(DATA)))


def test_head(client: Client) -> None:
    for path in ("", "file", "stream"):
        assert client.ask(get(path, "HEAD"), to_head=True).status == 200
    assert client.ask(get("")).status == 200


def test_nothing(client: Client) -> None:
    answer = client.ask(get("empty"))
    assert (answer.status, answer.field("Content-Length")) == (204, None)
    assert client.ask(get("")).status == 200


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [0, 5, 200_000])
def test_a_body(client: Client, chunked: bool, size: int) -> None:
    for _ in range(2):
        assert json.loads(client.ask(post("upload", b"x" * size, chunked=chunked)).body) == {"body": size}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_form_with_a_file(client: Client, chunked: bool) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + DATA + b"\r\n--b--\r\n"
    )
    answer = client.ask(post("upload", body, "multipart/form-data; boundary=b", chunked=chunked))
    assert json.loads(answer.body) == {"files": {"file": len(DATA)}, "fields": {"field": "value"}}


def test_an_unknown_page_is_the_frameworks_own_404(client: Client) -> None:
    assert client.ask(get("no/such")).status == 404
    assert client.ask(get("")).status == 200


@pytest.mark.parametrize(
    ("which", "connection", "upgrade"),
    [
        ("keep_alive", None, None),
        ("close", "close", None),
        ("coding", None, None),
        ("upgrade", None, None),
        ("websocket", "Upgrade", "websocket"),
        ("own", None, None),
    ],
)
def test_fields_that_are_the_servers(
    one: Worker, client: Client, which: str, connection: str | None, upgrade: str | None
) -> None:
    answer = client.ask(get(f"fields?{which}"))
    assert (answer.status, answer.body) == (200, b"fields")
    assert (answer.field("Connection"), answer.field("Upgrade")) == (connection, upgrade)
    assert answer.field("Date")
    assert answer.field("Server") == ("mine" if which == "own" else None)
    for name in ("Keep-Alive", "Transfer-Encoding", "Trailer", "TE"):
        assert answer.field(name) is None
    if which == "close":
        assert client.at_end()
    else:
        assert client.ask(get("")).status == 200
    if which == "coding":
        assert one.words().count('"event": "field_dropped", "field": "Trailer"') == 1


def test_a_status_without_a_reason(client: Client) -> None:
    client.send(get("bare"))
    assert client.file.readline() in (
        b"HTTP/1.1 299 \r\n",
        b"HTTP/1.1 299 Success\r\n",
    )  # WebOb finds a reason


def test_nothing_failed(one: Worker) -> None:
    assert one.stats()["errors"] == 0
    assert "Traceback" not in one.words()
