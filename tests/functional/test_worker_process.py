"""What an application may do with its process: fork, start programs, replace signal handlers."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.process_worker import ask, start
from support.processes import alive, open_files
from support.waiting import until
from support.worker import Worker, page


@pytest.fixture(params=["django", "pecan"])
def one(request: pytest.FixtureRequest) -> Iterator[Worker]:
    started = start(request.param)
    yield started
    started.stop()


def links_of(pid: int) -> list[str]:
    return list(open_files(pid).values())


def ends(one: Worker) -> None:
    """SIGTERM drains: it is not lost in a child."""
    one.terminate()
    assert one.wait() == 0, one.words()


FORKS = [
    "process_with_queue",
    "process_with_pipe",
    "pool",
    "executor",
    "fork_and_exit",
    "fork_and_sys_exit",
    "fork_and_raise",
    "fork_and_come_back",
    "fork_in_a_spawned_thread",
    "pty_fork",
]


def test_a_forked_child_does_its_work_and_nothing_of_the_servers(one: Worker, tmp_path: Path) -> None:
    counted = tmp_path / "counted"
    with one.client() as waiting, one.client() as silent:
        waiting.send(page(f"waits?{counted}"))
        until(lambda: one.stats()["requests"] == 1, "a request is in flight")
        until(lambda: one.stats()["open"] == 2, "and a connection idles")
        for name in FORKS:
            assert json.loads(ask(one, name)) == [True, 42, 0], name
        lingering = int(ask(one, "long_child"))
        for _ in range(20):
            assert ask(one, "pid") == str(one.process.pid)
        assert silent.ask(page("pid")).body.decode() == str(one.process.pid)
        assert not counted.exists(), "no child has run the request in flight, nor its finally"
        assert ask(one, "release") == "released"
        answer = waiting.answer()
        assert answer is not None
        assert answer.body == b"at last"
    assert counted.read_text() == f"{one.process.pid}\n"
    assert alive(lingering)
    assert "came back out of the request that forked it" in one.words()
    ends(one)
    assert not alive(lingering)


def test_a_child_that_lives_on_holds_nothing_of_the_servers(one: Worker) -> None:
    with one.client() as silent:
        until(lambda: one.stats()["open"] == 1, "it is accepted")
        child = int(ask(one, "long_child"))
        title = Path(f"/proc/{child}/cmdline")
        named = b"mooring: test blue 0 (wsgi) child"
        until(lambda: title.read_bytes().rstrip(b"\0 ") == named, "the child has a name of its own")
        links = links_of(child)
        assert [link for link in links if link.startswith("socket:")] == []
        assert links.count("anon_inode:[eventpoll]") == 1, "a hub of its own"
        os.kill(child, signal.SIGTERM)
        until(lambda: not alive(child), "SIGTERM has its default effect in the child")
        assert silent.ask(page("")).body == b"root"
        assert one.stats()["state"] == "ready"
    ends(one)


def test_a_command_does_not_hold_the_port_and_reads_the_end_of_its_input(one: Worker) -> None:
    inode = os.fstat(one.listener.fileno()).st_ino
    assert Path(f"/proc/{one.process.pid}/fd/0").readlink() == Path(os.devnull)
    assert json.loads(ask(one, "stdin_of_a_command")) == ""
    assert ask(one, "descriptors_of_a_command").split() == ["0", "1", "2"]
    child = int(ask(one, "long_command"))
    assert f"socket:[{inode}]" not in links_of(child)
    ends(one)
    os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("name", ["HUP", "USR2", "TTIN", "TTOU", "TSTP", "WINCH", "ALRM", "USR1"])
def test_signals_of_other_servers_lose_no_request(make: Any, name: str) -> None:
    one = make("process_apps:make_django()", drain_idle_grace=0.2).start(start_new_session=True)
    signum = getattr(signal, f"SIG{name}")
    with one.client() as client:
        client.send(page(f"waits?{one.folder}/counted"))
        until(lambda: one.stats()["requests"] == 1, "a request is in flight")
        one.process.send_signal(signum)
        said = "most recent call first" if name == "USR1" else f'"event": "signal", "signal": "SIG{name}"'
        until(lambda: said in one.words(), "the log tells")
        assert ask(one, "release") == "released"
        answer = client.answer()
        assert answer is not None
        assert answer.body == b"at last"
    ends(one)


@pytest.mark.parametrize("name", ["TERM", "INT", "QUIT"])
def test_signals_that_drain_lose_no_request(make: Any, name: str) -> None:
    one = make("process_apps:make_django()", drain_idle_grace=0.2).start()
    with one.client() as client, one.client() as other:
        other.ask(page(""))
        client.send(page(f"waits?{one.folder}/counted"))
        until(lambda: one.stats()["requests"] == 2, "a request is in flight")
        one.process.send_signal(getattr(signal, f"SIG{name}"))
        until(lambda: one.stats()["state"] == "draining", "the drain has begun")
        other.ask(page("release"))
        answer = client.answer()
        assert answer is not None
        assert answer.body == b"at last"
    assert one.wait() == 0
    assert f'"why": "SIG{name}"' in one.words()


def test_a_replaced_handler_is_told_and_the_drain_stays(one: Worker) -> None:
    assert ask(one, "sets_handlers?SIGTERM,SIGHUP,SIGUSR1,SIGTERM") == "set"
    told = [json.loads(line) for line in one.words().splitlines() if '"signal_handler"' in line]
    assert [(line["signal"], line["handler"]) for line in told] == [
        (name, "process_apps._note_signal") for name in ("SIGTERM", "SIGHUP", "SIGUSR1")
    ]
    one.process.send_signal(signal.SIGHUP)
    until(lambda: ask(one, "what_was_done") == "SIGHUP", "the application's own handler runs")
    ends(one)


def test_each_request_starts_from_the_context_of_the_import(one: Worker) -> None:
    with one.client() as kept:
        for name in ("first", "second"):
            assert kept.ask(page(f"context?{name}")).body == b"as it was imported"
    assert ask(one, "context?third") == "as it was imported"


def test_the_application_finds_no_argument_of_the_workers(one: Worker) -> None:
    assert ask(one, "arguments") == "mooring"


def test_names_are_found_as_libc_finds_them_and_nobody_waits(one: Worker) -> None:
    found = [
        socket.getaddrinfo("127.1", 80, type=socket.SOCK_STREAM),
        socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME),
        "80",
        socket.gethostbyname("localhost"),
    ]
    assert json.loads(ask(one, "names")) == json.loads(json.dumps([found, True]))


def test_eventlets_own_resolver_can_be_turned_on(make: Any) -> None:
    one = make("process_apps:make_django()").start(env={"EVENTLET_NO_GREENDNS": "no"})
    assert ask(one, "resolver") == "eventlet.support.greendns"


def test_two_requests_that_block_each_other_are_both_named(one: Worker, tmp_path: Path) -> None:
    with one.client() as holding, one.client() as wanting:
        holding.send(page(f"holds_a_lock?{tmp_path}/db"))
        until(lambda: one.stats()["requests"] == 1, "the lock is held")
        assert wanting.ask(page(f"wants_the_lock?{tmp_path}/db")).body == b"database is locked"
        assert ask(one, "release") == "released"
        answer = holding.answer()
        assert answer is not None
        assert answer.body == b"held"
    blocked, _, holder = one.words().partition("Another request in flight")
    assert '"event": "blocked"' in blocked
    assert "in wants_the_lock: " in blocked
    assert "in holds_a_lock: " in holder
