"""Responses that an application misuses: nothing of one is ever taken for a part of another, and nobody else waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from support.waiting import until
from support.worker import Client, Worker, page

FILE = 20 << 20
"""Bytes of the file that torn_apps sends."""


@pytest.fixture(scope="module")
def one() -> Iterator[Worker]:
    started = Worker("torn_apps:application", access_log="on").start()
    yield started
    started.stop()


def everything(client: Client) -> bytes:
    """Read to the connection's end."""
    data = b""
    while block := client.sock.recv(1 << 20):
        data += block
    return data


@pytest.mark.parametrize("name", ["torn", "torn_chunk"])
def test_nothing_follows_a_send_that_was_left(one: Worker, name: str) -> None:
    with one.client() as client:
        client.send(page(name) + page("say"))
        until(lambda: name in who_left(one), "the application has given up")
        said = everything(client)
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"tail" not in said


def who_left(one: Worker) -> list[str]:
    with one.client() as client:
        return client.ask(page("who_left")).body.decode().split()


def test_write_after_the_end_is_refused(client: Client) -> None:
    assert client.ask(page("late")).body == b"onetwo"
    answer = client.ask(page("use_kept"))
    assert answer.body == b"write() was called after the end of the response"
    assert client.ask(page("say")).body == b"said"


def test_a_file_that_is_closed_early_is_sent_all_the_same(client: Client) -> None:
    client.send(page("file"))
    answer = client.answer()
    assert answer is not None
    assert answer.body == b"m" * FILE


@pytest.mark.parametrize(
    ("name", "method", "status"),
    [
        ("generator_204", "GET", 204),
        ("generator_204", "HEAD", 204),
        ("generator_empty", "GET", 200),
        ("generator_sleeps", "GET", 200),
        ("generator_sleeps", "HEAD", 200),
        ("plain_204", "GET", 204),
        ("head_only", "HEAD", 200),
    ],
)
def test_a_generator_without_a_body_is_let_go(client: Client, name: str, method: str, status: int) -> None:
    answer = client.ask(page(name, method), to_head=method == "HEAD")
    assert (answer.status, answer.body) == (status, b"")
    assert client.ask(page("say")).body == b"said"


def test_who_writes_on_for_nobody_lets_others_have_their_turn(one: Worker) -> None:
    with one.client() as first, one.client() as other:
        first.send(page("stubborn"))
        reader = threading.Thread(target=first.answer)
        reader.start()
        assert other.ask(page("say")).body == b"said"
        reader.join(30)
        assert not reader.is_alive()


def test_the_environ_may_be_changed_in_any_way(one: Worker, client: Client) -> None:
    assert client.ask(page("clears")).status == 500
    assert "the environ is the application's own" in one.words()
