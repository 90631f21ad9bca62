"""`mooring.client_gone` by a real worker: who has closed, who waits with half a connection, over TLS or not."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import Authority
from support.waiting import DEADLINE, until
from support.worker import Client, Worker, page


@pytest.fixture(scope="module", params=["plain", "tls"])
def one(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Worker, Path]]:
    """A worker, and the folder that its application writes to and its certificates stand in."""
    folder = tmp_path_factory.mktemp("presence")
    authority = Authority(folder, "authority")
    cert, key = authority.sign("server")
    tls = {"tls_cert": cert, "tls_key": key} if request.param == "tls" else {}
    running = Worker("worker_apps:waits_for_the_end", **tls)
    try:
        running.start(env={"WAITS_FOLDER": str(folder)})
        yield running, folder
    finally:
        running.stop()


def connect(one: tuple[Worker, Path]) -> Client:
    running, folder = one
    sock = socket.create_connection(running.address, DEADLINE)
    if "tls_cert" in running.settings:
        context = ssl.create_default_context(cafile=str(folder / "authority.pem"))
        sock = context.wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=True)
    return Client(sock)


def says(one: tuple[Worker, Path], name: str, word: str) -> None:
    """Wait until the application has written the word of a request."""
    until(lambda: (one[1] / name).exists() and (one[1] / name).read_text() == word, f"{name} is {word}")


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize(
    "more", [b"", b"GET /next HTTP/1.1\r\n"], ids=["", "with the next request on its way"]
)
def test_a_client_that_closes_is_gone(one: tuple[Worker, Path], version: str, more: bytes) -> None:
    name = f"closes-{version}-{len(more)}"
    client = connect(one)
    client.send(f"GET /{name} HTTP/{version}\r\nHost: a\r\n\r\n".encode() + more)
    says(one, name, "there")
    client.close()
    says(one, name, "gone")


def test_a_client_that_waits_is_there(one: tuple[Worker, Path]) -> None:
    client = connect(one)
    try:
        client.send(page("waits"))
        says(one, "waits", "there")
        (one[1] / "waits.answer").touch()
        answer = client.answer()
        assert answer is not None
        assert (answer.status, answer.body) == (200, b"there")
    finally:
        client.close()


def test_half_a_close_is_no_end(one: tuple[Worker, Path]) -> None:
    client = connect(one)
    try:
        client.send(page("half"))
        says(one, "half", "there")
        socket.socket.shutdown(client.sock, socket.SHUT_WR)
        interim = client.answer()
        assert interim is not None
        assert interim.status == 100, "it is asked whether it is still there, once"
        (one[1] / "half.answer").touch()
        answer = client.answer()
        assert answer is not None
        assert (answer.status, answer.body) == (200, b"there")
    finally:
        client.close()
