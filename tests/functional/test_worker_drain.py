"""The drain: nothing that was begun is lost, nothing is done twice, and it ends."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mooring import status_socket
from support.places import REPOSITORY, SOURCES
from support.waiting import DEADLINE, until
from support.worker import GET, Client, Worker, worker

LONG = 600  # seconds: a grace that a test does not wait for


@contextlib.contextmanager
def site(**settings: Any) -> Iterator[Worker]:
    defaults = {"drain_timeout": LONG, "drain_idle_grace": LONG, "drain_first_byte_grace": LONG}
    with worker("worker_apps:site", **{**defaults, **settings}) as one:
        yield one


def page(path: str) -> bytes:
    return f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def drain(one: Worker) -> None:
    """Ask for it, and wait until it has begun."""
    one.terminate()
    until(
        lambda: status_socket.ask(one.status_socket, "ready", DEADLINE)["state"] == "draining",
        "the drain has begun",
    )


def kept(one: Worker) -> Client:
    """A connection that has had one response and idles."""
    client = one.connect()
    assert client.ask(page("")).body == b"root"
    return client


def test_what_is_in_flight_is_finished_and_says_close() -> None:
    with site() as one, one.client() as asking, one.client() as releasing:
        releasing.ask(page(""))
        asking.send(page("quiet_wait"))
        until(lambda: one.stats()["requests"] == 2, "the request is in flight")
        drain(one)
        answer = releasing.ask(page("release"))
        assert answer.field("Connection") == "close"
        assert releasing.at_end()
        last = asking.answer()
        assert last is not None
        assert (last.body, last.field("Connection")) == (b"at last", "close")
        assert asking.at_end()
        asking.close()
        releasing.close()
        assert one.wait() == 0


def test_a_streamed_response_is_finished() -> None:
    with site() as one, one.client() as reading, one.client() as releasing:
        releasing.ask(page(""))
        reading.send(page("waits"))
        while reading.file.readline() != b"\r\n":
            pass
        assert reading.file.read(10) == b"5\r\nfirst\r\n"
        drain(one)
        releasing.ask(page("release"))
        assert reading.file.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"
        reading.send(page(""))  # its head had promised to keep the connection: one more is answered
        answer = reading.answer()
        assert answer is not None
        assert (answer.body, answer.field("Connection")) == (b"root", "close")
        reading.close()
        releasing.close()
        assert one.wait() == 0


def test_a_body_on_its_way_is_finished() -> None:
    with site() as one, one.client() as client:
        head = b"POST /counts_body HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
        assert client.ask(head).status == 100
        client.send(b"hello")
        drain(one)
        answer = client.ask(b"world")
        assert (answer.body, answer.field("Connection")) == (b"10", "close")
        client.close()
        assert one.wait() == 0


def test_a_head_on_its_way_is_served() -> None:
    with site() as one, one.client() as client:
        client.send(GET[:10])
        until(lambda: one.stats()["accepted"] == 1, "it is accepted")
        drain(one)
        answer = client.ask(GET[10:])
        assert (answer.body, answer.field("Connection")) == (b"root", "close")


def test_a_connection_that_has_not_spoken_is_still_served() -> None:
    with site() as one, one.client() as client:
        until(lambda: one.stats()["accepted"] == 1, "it is accepted")
        drain(one)
        answer = client.ask()
        assert (answer.body, answer.field("Connection")) == (b"root", "close")


def test_a_kept_connection_is_served_once_more() -> None:
    with site() as one:
        client = kept(one)
        drain(one)
        answer = client.ask(b"POST /counts_body HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
        assert (answer.body, answer.field("Connection")) == (b"2", "close")
        client.close()
        assert one.wait() == 0


def test_http_10_and_refused_requests_say_close_too() -> None:
    with site() as one:
        old, bad = kept(one), kept(one)
        drain(one)
        assert old.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").field("Connection") == "close"
        assert bad.ask(b"GET / HTTP/1.1\r\n\r\n").field("Connection") == "close"
        old.close()
        bad.close()
        assert one.wait() == 0


def test_who_stays_silent_is_left_after_a_grace() -> None:
    with site(drain_first_byte_grace=0.2, drain_idle_grace=0.4) as one, one.client() as silent:
        idle = kept(one)
        until(lambda: one.stats()["open"] == 2, "both are accepted")
        one.terminate()
        assert silent.at_end()
        assert idle.at_end()
        silent.close()
        idle.close()
        assert one.wait() == 0


def test_a_response_that_never_ends_is_cut_and_told() -> None:
    with (
        site(drain_timeout=0.5, drain_idle_grace=0.1, drain_first_byte_grace=0.1) as one,
        one.client() as client,
    ):
        client.send(page("quiet_wait"))
        until(lambda: one.stats()["requests"] == 1, "the request is in flight")
        one.terminate()
        one.terminate()  # a second one changes nothing
        assert one.wait() == 1
        assert '"event": "drain_cut", "connections": 1' in one.words()


def test_the_status_socket_can_ask_for_it() -> None:
    with site() as one:
        client = kept(one)
        assert status_socket.ask(one.status_socket, "drain", DEADLINE)["state"] == "draining"
        assert status_socket.ask(one.status_socket, "drain", DEADLINE)["ready"] is False
        assert client.ask().field("Connection") == "close"
        client.close()
        assert one.wait() == 0


def test_others_go_on_with_the_same_listening_socket() -> None:
    with site() as first:
        client = kept(first)
        drain(first)
        second = first.connect()  # nobody accepts now: the kernel's backlog holds it
        second.send(GET)
        client.close()
        assert first.wait() == 0
        first.start()
        answer = second.answer()
        assert answer is not None
        assert (answer.body, answer.field("Connection")) == (b"root", None)
        second.close()


def test_recycling_by_requests() -> None:
    with site(max_requests=10, max_requests_jitter=50, drain_idle_grace=0.2) as one:
        client = kept(one)
        served = 1
        while (answer := client.ask()).field("Connection") is None:
            served += 1
        assert answer.body == b"root"
        assert 10 <= served + 1 <= 15
        client.close()
        assert one.wait() == 0
        assert '"event": "drain", "why": "max_requests"' in one.words()


def test_recycling_by_memory() -> None:
    with site(max_memory=150) as one:
        client = kept(one)
        for _ in range(3):
            client.ask(page("takes_memory"))
        until(lambda: '"why": "max_memory"' in one.words(), "it drains")
        assert client.ask().field("Connection") == "close"
        client.close()
        assert one.wait() == 0


# Under load: the load generator runs in a process of its own and tells every request that failed


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_no_request_is_lost_and_none_done_twice(folder: Path, unix: bool) -> None:
    counted = folder / "counted"
    one = Worker("mooring_load.app:application", unix=unix, drain_timeout=20, drain_idle_grace=2)
    environ = {"LOAD_COUNT_FILE": str(counted), "PYTHONPATH": f"{SOURCES}:{REPOSITORY / 'tools'}"}
    try:
        with _load(one, folder / "load", counted) as load:
            one.start(env=environ)
            for _ in range(4):
                before = _sum(one)
                until(lambda before=before: _sum(one) > before + 300, "it has served some hundreds")  # type: ignore[misc]
                old, one.process = one.process, None  # type: ignore[assignment]
                _replace(one, environ)
                old.send_signal(signal.SIGTERM)
                assert old.wait(DEADLINE) == 0
        summary = load()
        story = json.dumps(summary, indent=1) + one.words()
        assert (summary["failed"], summary["refused"]) == (0, 0), story
        ledger = summary["ledger"]
        assert (ledger["lost"], ledger["doubled"], ledger["unanswered"]) == (0, 0, 0), story
        closed = summary["closed_between_responses"]
        assert closed["announced"] > 0, story
        assert (closed["eof"], closed["reset"]) == (0, 0), story  # each close was announced by a response
        assert len(summary["answered_by"]) >= 4, story
    finally:
        one.stop()


def _sum(one: Worker) -> int:
    return int(one.stats()["requests"])


def _replace(one: Worker, environ: dict[str, str]) -> None:
    """Start another worker beside the one that runs: the other colour, so that their sockets differ."""
    one.settings["colour"] = "green" if one.settings.get("colour", "blue") == "blue" else "blue"
    one.start(env=environ)


@contextlib.contextmanager
def _load(one: Worker, out: Path, counted: Path) -> Iterator[Any]:
    where = (
        ["--url", "http://a"]
        if one.listener.family == socket.AF_UNIX
        else ["--url", "http://{}:{}".format(*one.address)]
    )
    if one.listener.family == socket.AF_UNIX:
        where += ["--unix-socket", one.address]
    command = [
        sys.executable,
        "-m",
        "mooring_load",
        "run",
        *where,
        "--counting",
        "--count-file",
        str(counted),
    ]
    command += [
        "--new",
        "3",
        "--kept",
        "4",
        "--kept-pause",
        "3",
        "--until-stopped",
        "--quiet",
        "--timeout",
        "30",
    ]
    command += ["--out", str(out)]
    tool = subprocess.Popen(
        command, env={"PYTHONPATH": f"{REPOSITORY}/tools:{SOURCES}"}, stderr=subprocess.PIPE
    )
    try:
        yield lambda: json.loads((out / "summary.json").read_text())
    finally:
        tool.send_signal(signal.SIGTERM)
        _, said = tool.communicate(timeout=DEADLINE)
    assert (out / "summary.json").exists(), said
