"""wsgi.file_wrapper: what the client gets is what iterating read() gives, whatever the file is."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.apps.file_apps import EXPECTED, HUGE
from support.certificates import Authority
from support.waiting import DEADLINE, until
from support.worker import Client, Worker, page

QUIET = {"PYTHONWARNINGS": "ignore"}  # files that tarfile and others leave open


def start(framework: str, folder: Path, **settings: Any) -> Worker:
    one = Worker(f"file_apps:make_{framework}()", **settings)
    return one.start(env={"FILE_APPS": str(folder), **QUIET})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the application's files."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module", params=["django", "pecan", "wsgi"])
def one(request: pytest.FixtureRequest, files: Path) -> Iterator[Worker]:
    started = start(request.param, files)
    yield started
    started.stop()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_bytes_are_those_of_read(one: Worker, client: Client, name: str) -> None:
    if name in ("proc", "sys") and str(one.settings["app"]).endswith("make_django()"):
        return  # FileResponse believes the size that the kernel tells
    answer = client.ask(page(name))
    assert answer.body == EXPECTED[name]
    assert client.ask(page("")).body == b"root"
    assert client.ask(page(name, "HEAD"), to_head=True).status == answer.status
    assert client.ask(page("")).body == b"root"


@pytest.mark.parametrize("name", ["bz2", "range", "plain", "plain_small", "raw", "memory", "member"])
def test_a_smaller_length_cuts(client: Client, name: str) -> None:
    answer = client.ask(page(f"{name}?700"))
    assert (answer.body, answer.field("Content-Length")) == (EXPECTED[name][:700], "700")
    assert client.ask(page("")).body == b"root"


@pytest.mark.parametrize("name", ["bz2", "range", "plain", "plain_small", "raw", "memory", "member", "sys"])
def test_a_larger_length_is_not_passed_off(one: Worker, client: Client, name: str) -> None:
    before = one.words().count('"event": "body_short", "declared": 999999')
    client.send(page(f"{name}?999999"))
    head, _, body = client.file.read().partition(b"\r\n\r\n")  # to the connection's end
    assert b"Content-Length: 999999" in head
    assert body == EXPECTED[name]
    assert one.words().count('"event": "body_short", "declared": 999999') == before + 1


@pytest.mark.parametrize("name", ["text", "closed", "write_only"])
def test_what_gives_no_bytes_is_500(one: Worker, client: Client, name: str) -> None:
    if name != "text" and str(one.settings["app"]).endswith("make_django()"):
        return  # Django itself fails on it, before it calls start_response
    assert client.ask(page(name)).status == 500
    assert client.ask(page("")).body == b"root"


def test_a_file_that_shrinks_is_not_passed_off(one: Worker, client: Client, files: Path) -> None:
    client.send(page("shrinks"))
    assert client.file.readline().startswith(b"HTTP/1.1 20")
    until(lambda: (files / "shrinks").stat().st_size == HUGE // 2, "it has shrunk")
    assert len(client.file.read()) < HUGE  # to the connection's end
    assert f'"event": "body_short", "declared": {HUGE}' in one.words()


def test_a_file_that_grows_is_sent_as_it_was(client: Client, files: Path) -> None:
    client.send(page("grows"))
    until(lambda: (files / "grows").exists() and (files / "grows").stat().st_size == HUGE * 2, "it has grown")
    answer = client.answer()
    assert answer is not None
    assert len(answer.body) == HUGE
    assert client.ask(page("")).body == b"root"


@pytest.mark.parametrize("name", ["plain", "plain_small", "written", "bz2", "range"])
def test_the_same_bytes_over_tls(secure: tuple[Worker, ssl.SSLContext], name: str) -> None:
    one, context = secure
    raw = socket.create_connection(one.address, timeout=DEADLINE)
    client = Client(context.wrap_socket(raw, server_hostname="127.0.0.1"))
    answer = client.ask(page(name))
    assert answer.body == EXPECTED[name]
    known = name in ("plain", "plain_small", "written")
    assert answer.field("Content-Length") == (str(len(answer.body)) if known else None)
    client.close()


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, ssl.SSLContext]]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder, "authority")
    cert, key = authority.sign("server")
    one = start("wsgi", folder, tls_cert=cert, tls_key=key)
    yield one, ssl.create_default_context(cafile=str(authority.path))
    one.stop()
