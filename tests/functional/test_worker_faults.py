"""What goes wrong around a worker: no descriptors, a log that nobody takes, a full disk, a blocked hub."""

from __future__ import annotations

import array
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest

from mooring import status_socket
from support.waiting import DEADLINE, until


def page(path: str) -> bytes:
    return f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def test_without_descriptors_it_goes_on_serving_and_accepts_again_later(make: Any) -> None:
    one = make("worker_apps:site").start(
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    )
    with one.client() as client:
        assert client.ask(page("takes_descriptors")).body.endswith(b"and then Too many open files")
        waiting = one.connect()
        waiting.send(page(""))
        until(lambda: one.stats()["accept_errors"] > 1, "accept fails, and the status socket still answers")
        assert client.ask(page("")).body == b"root"
        assert client.ask(page("gives_descriptors")).body == b"given back"
        answer = waiting.answer()
        assert answer is not None
        assert answer.body == b"root"
        waiting.close()
    assert '"event": "accept", "problem": "Too many open files"' in one.words()


def test_errors_of_accept_are_counted_and_outlived(make: Any) -> None:
    one = make("accept_fails:application").start()
    with one.client() as client:
        assert client.ask(page("")).body == b"ok"
    assert one.stats()["accept_errors"] == 5
    for code, lasting in ((errno.ECONNABORTED, False), (errno.ENFILE, True), (errno.ENOBUFS, True)):
        assert (f'"problem": "{os.strerror(code)}"' in one.words()) == lasting, "only these are worth a pause"


def test_a_listening_socket_that_somebody_shut_down_does_not_make_it_spin(make: Any) -> None:
    one = make("worker_apps:site").start()
    with one.client() as client:
        client.ask(page(""))
        one.listener.shutdown(socket.SHUT_RDWR)
        until(lambda: '"pause_seconds": 1.0' in one.words(), "accept fails, and is tried less and less often")
        assert one.stats()["accept_errors"] < 20
        assert client.ask(page("")).body == b"root"
        one.terminate()
        until(lambda: one.stats()["state"] == "draining", "the drain has begun")
        assert client.ask(page("")).field("Connection") == "close"
    assert one.wait() == 0


def test_the_soft_limit_of_descriptors_is_raised(make: Any) -> None:
    one = make("worker_apps:site", max_connections=500).start(
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1000))
    )
    assert resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE) == (1000, 1000)
    assert one.words() == ""


def test_too_low_a_hard_limit_is_told(make: Any) -> None:
    one = make("worker_apps:site", max_connections=500).start(
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 400))
    )
    assert "MOORING_MAX_CONNECTIONS is 500, but only 400 files may be open (ulimit -Hn)" in one.words()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_log_that_nobody_reads_stops_nothing(make: Any, stream: str) -> None:
    """A stalled supervisord: its pipes are full."""
    one = make("worker_apps:site").start(**{stream: subprocess.PIPE})
    with one.client() as client:
        for _ in range(10):
            assert client.ask(page("logs?60000")).body == b"logged"
    pipe = getattr(one.process, stream)
    if stream == "stderr":
        until(lambda: one.stats()["log_lines_dropped"] > 0, "what was dropped is counted")
    os.set_blocking(pipe.fileno(), False)
    said = pipe.read()  # supervisord is back

    def told() -> bool:
        nonlocal said
        said += pipe.read() or b""
        return b"\n[" in said and b" writes were dropped: nobody took them]\n" in said

    until(told, "the log says so by itself")
    with one.client() as client:
        assert client.ask(page("logs?1")).body == b"logged"
    pipe.close()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_takes_all_gets_all(make: Any, stream: str) -> None:
    """A pipe holds 64 KiB: what an application prints at once is waited for, as long as it is taken."""
    one = make("worker_apps:site").start(**{stream: subprocess.PIPE})
    pipe = getattr(one.process, stream)
    with one.client() as client:
        client.send(page("prints?3000"))
        said = b""
        while not said.endswith(b"the end\n"):
            room = array.array("i", [0])
            fcntl.ioctl(pipe.fileno(), termios.FIONREAD, room)
            if room[0] > 60_000 or len(said) > 300_000:  # it is full, and the worker waits
                said += os.read(pipe.fileno(), 65536)
            else:
                select.select([], [], [], 0.001)
        answer = client.answer()
        assert answer is not None
        assert answer.body == b"printed"
    lines = said.decode().splitlines()
    assert lines[:3000] == [f"line {number} {'x' * 100}" for number in range(3000)]
    assert lines[3000:] == ["y" * 100_000, "the end"]
    pipe.close()


def test_a_log_whose_reader_is_gone_stops_nothing(make: Any) -> None:
    one = make("worker_apps:site").start(stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    one.process.stderr.close()
    one.process.stdout.close()
    with one.client() as client:
        assert client.ask(page("logs?100")).body == b"logged"
        assert client.ask(page("raises")).status == 500
    assert one.stats()["log_lines_dropped"] > 0


def test_a_full_disk_under_the_log_stops_nothing(make: Any) -> None:
    with Path("/dev/full").open("wb") as full:
        one = make("worker_apps:site").start(stderr=full, stdout=full)
    with one.client() as client:
        assert client.ask(page("logs?100")).body == b"logged"
        assert client.ask(page("raises")).status == 500
    assert one.stats()["log_lines_dropped"] > 0


def test_a_file_as_the_log_gets_every_line(make: Any) -> None:
    one = make("worker_apps:site").start()
    with one.client() as client:
        client.ask(page("logs?50000"))
    assert "e" * 50_000 + "\n" in one.words()
    assert one.stats()["log_lines_dropped"] == 0


def test_the_access_log_has_a_line_for_each_request(make: Any) -> None:
    one = make("worker_apps:site", access_log="on").start()
    with one.client() as client:
        client.ask(b"GET /?x=%0a HTTP/1.1\r\nHost: a\r\n\r\n")
        client.ask(page("no_content"))
    until(lambda: len(one.words().splitlines()) == 3, "three lines: the smoke request's is the first")
    lines = [json.loads(line) for line in one.words().splitlines()]
    told = [
        (line["event"], line["method"], line["target"], line["status"], line["bytes"]) for line in lines[1:]
    ]
    assert told == [("request", "GET", "/?x=%0a", 200, 4), ("request", "GET", "/no_content", 204, 0)]
    assert all(line["milliseconds"] >= 0 and line["peer"] == "127.0.0.1" for line in lines[1:])


def test_a_stopped_worker_does_not_answer_and_does_again_when_it_goes_on(make: Any) -> None:
    one = make().start()
    one.process.send_signal(signal.SIGSTOP)
    with pytest.raises(status_socket.NoAnswerError, match=r"within 0\.2 s"):
        status_socket.ask(one.status_socket, "ready", 0.2)
    one.process.send_signal(signal.SIGCONT)
    assert status_socket.ask(one.status_socket, "ready", DEADLINE)["ready"]


def test_clients_that_vanish_leave_nothing(make: Any) -> None:
    one = make("worker_apps:site").start()
    descriptors = Path(f"/proc/{one.process.pid}/fd")
    with one.client() as client:
        client.ask(page(""))
    until(lambda: one.stats()["open"] == 0, "it is closed")
    before = len(list(descriptors.iterdir()))
    for request in (
        b"",
        b"GET",
        page("big"),
        page("closing?endless"),
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
    ):
        for _ in range(20):
            client = one.connect()
            client.send(request)
            client.close()
    until(lambda: one.stats()["open"] == 0, "all are closed")
    until(lambda: len(list(descriptors.iterdir())) <= before, "all descriptors are closed")
    assert one.stats()["errors"] == 0


def test_timers_that_an_application_leaves_behind_end_no_worker(make: Any) -> None:
    one = make("worker_apps:site").start()
    request = b"GET /leaves_a_timer HTTP/1.1\r\nHost: a\r\nConnection: %b\r\n\r\n"
    with one.client() as client:
        assert client.ask(request % b"close").body == b"left"
    until(lambda: '"event": "stray"' in one.words(), "it hits an idle green thread")
    with one.client() as client:
        assert client.ask(request % b"keep-alive").body == b"left"
        assert client.at_end()  # it hits the connection
    until(lambda: one.stats()["errors"] == 1, "it is counted")
    with one.client() as client:
        assert client.ask(page("")).body == b"root"
