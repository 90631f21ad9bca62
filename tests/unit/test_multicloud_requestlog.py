"""The request log: one JSON line for each request, which can neither be forged nor hold anything up."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicloud.core.lines import LineWriter
from multicloud.core.requestlog import RequestLog, record_of
from multicloud.core.settings import Settings


class Lines(LineWriter):
    """A writer that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def write(self, line: str) -> None:
        self.written.append(line)


def ok(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"he", b"llo"]


def call(application: Any, **environ: Any) -> tuple[str, list[tuple[str, str]], bytes, list[dict[str, Any]]]:
    lines = Lines()
    began: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> None:
        began.append((status, fields))

    request = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/x",
        "QUERY_STRING": "",
        "wsgi.input": io.BytesIO(),
        **environ,
    }
    body = RequestLog(application, Settings(), lines)(request, start_response)
    content = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    assert all("\n" not in line for line in lines.written)
    return *began[-1], content, [json.loads(line) for line in lines.written]


def test_a_line() -> None:
    status, fields, body, (line,) = call(ok, HTTP_X_TRANSACTIONID="id-1", REQUEST_URI="/%78?secret=1")
    assert (status, body) == ("200 OK", b"hello")
    assert ("X-Request-ID", "id-1") in fields
    assert list(line) == ["time", "id", "method", "path", "status", "bytes", "ms", "upstream", "upstream_ms"]
    assert line["time"].endswith("+00:00")
    assert line["ms"] >= 0
    assert {
        name: line[name] for name in ("id", "method", "path", "status", "bytes", "upstream", "upstream_ms")
    } == {
        "id": "id-1",
        "method": "GET",
        "path": "/%78",
        "status": 200,
        "bytes": 5,
        "upstream": None,
        "upstream_ms": None,
    }


def test_what_the_forward_tells() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        record = record_of(environ)
        record.upstream, record.upstream_ms, record.error = "http://msb/api/driver", 1.5, "closed"
        return ok(environ, start_response)

    *_, (line,) = call(application)
    assert (line["upstream"], line["upstream_ms"], line["error"]) == ("http://msb/api/driver", 1.5, "closed")


def test_an_id_of_the_answer_is_kept() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        record_of(environ).upstream = "http://msb/api/driver"
        start_response("200 OK", [("x-request-id", "theirs")])
        return [b""]

    _, fields, _, _ = call(application)
    assert fields == [("x-request-id", "theirs")]


@pytest.mark.parametrize("odd", ["a b", "a\nb", '{"forged": 1}', "x" * 129, "é", ""])
def test_an_odd_id_is_not_taken(odd: str) -> None:
    _, fields, _, (line,) = call(ok, HTTP_X_TRANSACTIONID=odd)
    assert line["id"] != odd
    assert len(line["id"]) == 32
    assert ("X-Request-ID", line["id"]) in fields


@given(
    path=st.text(alphabet=st.characters(max_codepoint=255), max_size=2000),
    method=st.text(alphabet=st.characters(max_codepoint=255), max_size=50),
    request_id=st.text(alphabet=st.characters(max_codepoint=255), max_size=200),
)
def test_no_request_forges_a_line(path: str, method: str, request_id: str) -> None:
    *_, lines = call(ok, PATH_INFO=path, REQUEST_METHOD=method, HTTP_X_REQUEST_ID=request_id)
    assert len(lines) == 1
    assert len(json.dumps(lines[0])) < 4096, "a write to a pipe is atomic up to 4096 bytes"


def test_a_streamed_body_is_counted_and_closed() -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"abc"
            yield b"de"

        def close(self) -> None:
            closed.append(True)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Body:
        record_of(environ).streamed = True
        start_response("200 OK", [])
        return Body()

    _, _, body, (line,) = call(application)
    assert (body, line["bytes"], closed) == (b"abcde", 5, [True])


def test_an_application_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise RuntimeError("told to nobody")

    status, fields, body, (line,) = call(application)
    assert (status, line["status"]) == ("500 Internal Server Error", 500)
    assert ("Content-Type", "text/html; charset=utf-8") in fields
    assert b"told to nobody" not in body
    assert "told to nobody" in caplog.text


def test_no_log_if_not_wanted() -> None:
    lines = Lines()
    application = RequestLog(ok, Settings(request_log=False), lines)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x"}
    fields: list[tuple[str, str]] = []
    assert b"".join(application(environ, lambda _status, given: fields.extend(given))) == b"hello"
    assert not lines.written
    assert "X-Request-ID" in dict(fields)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def test_lines_in_a_pipe(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    lines = LineWriter(writer)
    lines.write("one")
    lines.write("zw\xf6lf \udc80")
    assert os.read(reader, 1000) == "one\nzw\xf6lf \\udc80\n".encode()
    assert os.get_blocking(writer), "others who have the pipe still wait as they did"


def test_a_full_pipe_holds_nothing_up(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(reader, False)
    lines = LineWriter(writer)
    line = "x" * 1023
    while not lines.lost:
        lines.write(line)
    lines.write(line)
    assert lines.lost == 2
    with contextlib.suppress(BlockingIOError):
        while os.read(reader, 65536):
            pass
    lines.write("again")
    assert lines.lost == 0
    assert os.read(reader, 65536) == b"again\n"


def test_a_reader_that_is_gone_fails_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    lines = LineWriter(writer)
    os.close(reader)
    lines.write("x")
    assert lines.lost == 1


def test_a_full_disk_fails_nothing() -> None:
    with Path("/dev/full").open("wb") as full:
        lines = LineWriter(full.fileno())
        lines.write("x")
        assert lines.lost == 1


def test_a_descriptor_that_is_not_there_fails_nothing(pipe: tuple[int, int]) -> None:
    _, writer = pipe
    os.close(writer)
    lines = LineWriter(writer)
    lines.write("x")
    assert lines.lost == 1


def test_lines_in_a_file_follow_each_other(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb", buffering=0) as file:
        lines = LineWriter(file.fileno())
        lines.write("one")
        file.write(b"somebody else\n")
        lines.write("two")
    assert (tmp_path / "log").read_text() == "one\nsomebody else\ntwo\n"


def test_a_socket_is_not_waited_for() -> None:
    reader, writer = socket.socketpair()
    with reader, writer:
        lines = LineWriter(writer.fileno())
        while not lines.lost:
            lines.write("x" * 1000)
        assert reader.recv(1001) == b"x" * 1000 + b"\n"


def test_the_lines_that_were_lost_are_told_of() -> None:
    lines = Lines()
    lines.lost = 3
    RequestLog(ok, Settings(), lines)({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None)
    assert json.loads(lines.written[0])["lost"] == 3
