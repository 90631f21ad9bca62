"""Bodies that nobody reads: the application is let go, others are served meanwhile, and the drain ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from support.waiting import until
from support.worker import Client, Worker, page

WEBOB = {"PYTHONWARNINGS": "error,ignore::DeprecationWarning,ignore::ResourceWarning"}


def start(app: str, **settings: Any) -> Worker:
    return Worker(app, drain_idle_grace=0.2, drain_first_byte_grace=0.2, **settings).start(env=WEBOB)


@pytest.fixture(scope="module", params=["django", "pecan", "wsgi"])
def one(request: pytest.FixtureRequest) -> Iterator[Worker]:
    started = start(f"unread_apps:make_{request.param}()")
    yield started
    started.stop()


def what(one: Worker, name: str) -> str:
    with one.client() as client:
        return client.ask(page(f"what?{name}")).body.decode()


def is_let_go(one: Worker, name: str) -> None:
    drops = "make_pecan" in str(one.settings["app"]) and name.startswith("head-")
    if drops and name.endswith(("204", "304", "cut", "empty_later")):
        assert what(one, name) == ""  # WebOb itself drops the body, and Pecan has not asked for a part
        return
    until(lambda: what(one, name).endswith("over"), f"close() of {name} was called")


HEADS = [
    "endless",
    "endless_cut",
    "endless_204",
    "endless_304",
    "empty_later",
    "empty_first",
    "sleeps_first",
    "sleeps_later",
    "sleeps_later_204",
    "sleeps_often",
]


STATUSES = {
    "endless_cut": 201,
    "empty_later": 201,
    "endless_204": 204,
    "endless_304": 304,
    "sleeps_later_204": 204,
}


@pytest.mark.parametrize("name", HEADS)
def test_head_of_a_body_that_does_not_end(one: Worker, client: Client, name: str) -> None:
    if name in ("empty_first", "sleeps_first") and "make_pecan" in str(one.settings["app"]):
        return  # Pecan itself waits for the first part of a generator, before it calls start_response
    answer = client.ask(page(f"{name}?head-{name}", "HEAD"), to_head=True)
    assert answer.status == STATUSES.get(name, 200)
    is_let_go(one, f"head-{name}")
    assert client.ask(page("")).body == b"root"


@pytest.mark.parametrize("name", ["endless_204", "endless_304", "sleeps_later_204"])
def test_a_status_without_a_body_that_does_not_end(one: Worker, client: Client, name: str) -> None:
    answer = client.ask(page(f"{name}?get-{name}"))
    assert (answer.status, answer.field("Content-Length")) == (int(name[-3:]), None)
    is_let_go(one, f"get-{name}")
    assert client.ask(page("")).body == b"root"


@pytest.mark.parametrize("name", ["endless_cut", "endless_none", "empty_later", "sleeps_later_cut"])
def test_a_length_that_is_smaller_than_the_body(one: Worker, client: Client, name: str) -> None:
    answer = client.ask(page(f"{name}?get-{name}"))
    length = {"endless_cut": 1500, "endless_none": 0}.get(name, 1000)
    assert (answer.body, answer.field("Content-Length")) == (b"x" * length, str(length))
    is_let_go(one, f"get-{name}")
    assert client.ask(page("")).body == b"root"
    assert ('"event": "body_cut", "declared": 1500' in one.words()) or name != "endless_cut"


def test_work_behind_the_last_part_is_done(one: Worker, client: Client) -> None:
    """An application that declares its length is asked once more: a generator may have work to do there."""
    assert client.ask(page("exact?exact")).body == b"x" * 1000
    assert what(one, "exact") == "begun,behind the last part,over"
    assert one.words().count('"declared": 1000, "too_much": 1000') == 0


def test_head_of_a_body_that_fails_is_500_as_it_is_with_get(one: Worker, client: Client) -> None:
    assert client.ask(page("fails?a", "HEAD"), to_head=True).status == 500
    assert client.ask(page("fails?b")).status == 500


def test_a_client_that_goes_away_in_an_endless_body(one: Worker) -> None:
    for name in ("endless", "sleeps_often"):
        with one.client() as client:
            client.send(page(f"{name}?gone-{name}"))
            assert client.file.readline() == b"HTTP/1.1 200 %b\r\n" % (b"Said" if is_wsgi(one) else b"OK")
        is_let_go(one, f"gone-{name}")


def is_wsgi(one: Worker) -> bool:
    return str(one.settings["app"]).endswith("make_wsgi()")


def test_write_goes_on_for_nobody(one: Worker, client: Client) -> None:
    if not is_wsgi(one):
        return  # neither framework offers write()
    for method in ("GET", "HEAD"):
        answer = client.ask(page(f"writes?write-{method}", method), to_head=method == "HEAD")
        assert answer.field("Content-Length") == "1500"
        is_let_go(one, f"write-{method}")
        assert client.ask(page("")).body == b"root"


@pytest.mark.parametrize("name", ["endless", "empty_first"])
def test_others_are_served_meanwhile_and_the_drain_ends(one: Worker, name: str) -> None:
    """The stream's client takes all that it gets, or gets nothing: the worker never has to wait for it."""
    other = start(str(one.settings["app"]), drain_timeout=1)
    try:
        with other.client() as reading, other.client() as client:
            reading.send(page(f"{name}?{name}"))
            reader = threading.Thread(target=read_away, args=(reading,))
            reader.start()
            until(lambda: what(other, name) == "begun", "the stream has begun")
            for _ in range(20):
                assert client.ask(page("")).body == b"root"
            client.close()
            other.terminate()
            assert other.wait() == 1
            assert '"event": "drain_cut", "connections": 1' in other.words()
            assert '"event": "blocked"' not in other.words()
            reader.join()
    finally:
        other.stop()


def read_away(client: Client) -> None:
    with contextlib.suppress(ConnectionResetError):
        while client.sock.recv(1 << 20):
            pass


def test_a_drain_does_not_wait_for_what_nobody_reads(one: Worker) -> None:
    other = start(str(one.settings["app"]), drain_timeout=600)
    try:
        with other.client() as client:
            client.ask(page("sleeps_later?a", "HEAD"), to_head=True)
            client.send(page("sleeps_later_cut?b"))
            until(lambda: what(other, "b") == "begun", "it is in flight")
            other.terminate()
            answer = client.answer()
            assert answer is not None
            assert len(answer.body) == 1000
            client.close()
            assert other.wait() == 0
    finally:
        other.stop()
