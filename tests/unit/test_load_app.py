"""The counting application keeps PEP 3333, counts each POST once, and says what is wrong."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from mooring_load.app import COUNT_FILE, SMOKE_BODY, application


def call(method: str, path: str, body: bytes = b"", **more: Any) -> tuple[str, dict[str, str], bytes]:
    url, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": url,
        "QUERY_STRING": query,
    }
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)} if method == "POST" else {}
    environ |= more
    setup_testing_defaults(environ)
    said: list[Any] = []
    answer = validator(application)(environ, lambda *words: said.append(words))
    content = b"".join(answer)
    answer.close()
    headers = dict(said[0][1])
    assert headers["Content-Length"] == str(len(content))
    assert headers["X-Load-Worker"] == f"{os.getpid()}/r1"
    return said[0][0], headers, content


@pytest.fixture(autouse=True)
def count_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "counted"
    monkeypatch.setenv(COUNT_FILE, str(path))
    monkeypatch.setenv("MOORING_RELEASE", "r1")
    return path


def test_each_post_is_counted_once_and_echoed(count_file: Path) -> None:
    for number in range(3):
        status, _, body = call("POST", "/count", b'{"id": "run-%d"}' % number)
        assert (status, body) == ("200 OK", b"run-%d" % number)
    assert count_file.read_text() == "run-0\nrun-1\nrun-2\n"


def test_a_chunked_body_is_read_to_its_end_where_the_server_ends_it(count_file: Path) -> None:
    more = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    assert call("POST", "/count", b'{"id": "x"}', **more)[0] == "200 OK"
    assert count_file.read_text() == "x\n"
    assert call("POST", "/count", b'{"id": "x"}', CONTENT_LENGTH="")[0] == "411 Length Required"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", "400 Bad Request"),
        (b"[]", "400 Bad Request"),
        (b'{"id": 1}', "400 Bad Request"),
        (b'{"id": "a\\nb"}', "400 Bad Request"),
        (b'{"id": ""}', "400 Bad Request"),
        (b'{"id": "' + b"x" * 5000 + b'"}', "413 Content Too Large"),
    ],
)
def test_what_is_no_id_is_not_counted(count_file: Path, body: bytes, status: str) -> None:
    assert call("POST", "/count", body)[0] == status
    assert not count_file.exists()


def test_a_body_that_ends_too_early_is_not_counted(count_file: Path) -> None:
    status, _, body = call("POST", "/count", b'{"id": "x"}', CONTENT_LENGTH="50")
    assert (status, body) == ("400 Bad Request", b"the body ended after 11 of 50 bytes\n")
    assert not count_file.exists()


def test_a_count_that_cannot_be_kept_is_an_error(count_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COUNT_FILE, str(count_file.parent / "missing" / "counted"))
    status, _, body = call("POST", "/count", b'{"id": "x"}')
    assert status == "500 Internal Server Error"
    assert b"LOAD_COUNT_FILE=" in body
    assert b"No such file or directory" in body
    monkeypatch.delenv(COUNT_FILE)
    assert b"LOAD_COUNT_FILE is not set" in call("POST", "/count", b'{"id": "x"}')[2]


def test_the_other_routes() -> None:
    assert call("GET", "/")[2] == SMOKE_BODY
    assert call("GET", "/slow?ms=1")[2] == b"slept 1 ms\n"
    assert json.loads(call("GET", "/pid")[2]) == {"pid": os.getpid(), "release": "r1"}
    for query in ("", "?ms=", "?ms=-1", "?ms=60001", "?ms=x"):
        assert call("GET", f"/slow{query}")[0] == "400 Bad Request"
    assert call("GET", "/nowhere")[0] == "404 Not Found"
    status, headers, _ = call("GET", "/count")
    assert (status, headers["Allow"]) == ("405 Method Not Allowed", "POST")
