"""The watchdog has blocked workers replaced, and no others. Real workers, stopped and blocked for real."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from mooring import status_socket
from support.instance import Instance
from support.processes import alive
from support.supervisord import Supervisord
from support.visitors import ask
from support.waiting import until


@pytest.fixture(scope="module")
def running(module_supervisord: Supervisord) -> Instance:
    """An instance with two workers, and a watchdog with little patience."""
    one = Instance(module_supervisord)
    one.bootstrap(watchdog_timeout=1, smoke_timeout=1)
    one.colour("blue", max_connections=1)
    module_supervisord.start()
    return one


@pytest.fixture
def instance(running: Instance) -> Iterator[Instance]:
    """The instance, when all of it is ready; with a new bootstrap, which has killed nobody."""
    running.gate("blue")
    running.server.ctl("stop", "api-bootstrap")
    (running.server.folder / "log" / "api-bootstrap-0.err").write_text("")
    running.server.ctl("start", "api-bootstrap")
    running.wait_process("api-bootstrap")
    yield running
    for pid in running.server.pids("api-blue"):
        os.kill(pid, signal.SIGCONT)


def killed(instance: Instance) -> int:
    return int(status_socket.ask(instance.status_socket("bootstrap"), "stats", 10)["killed"])


def bootstrap_log(instance: Instance) -> str:
    return (instance.server.folder / "log" / "api-bootstrap-0.err").read_text()


def worker_log(instance: Instance, number: int) -> str:
    return (instance.server.folder / "log" / f"api-blue-{number}.err").read_text()


def replaced(instance: Instance, pid: int) -> None:
    until(lambda: not alive(pid), f"worker {pid} is killed\n{bootstrap_log(instance)}")
    until(lambda: len({*instance.server.pids("api-blue")} - {pid}) == 2, "supervisord starts another")
    instance.gate("blue")


def test_a_stopped_worker_is_replaced(instance: Instance) -> None:
    first, second = instance.server.pids("api-blue")
    os.kill(first, signal.SIGSTOP)
    replaced(instance, first)
    assert f"worker {first} has not answered for 1 s, is stopped, and is killed" in bootstrap_log(instance)
    assert alive(second)
    assert killed(instance) == 1


@pytest.mark.parametrize("path", ["/sleep-in-c", "/sleep-with-lock"])
def test_a_worker_that_is_blocked_in_c_is_replaced_and_tells_where(instance: Instance, path: str) -> None:
    """With the interpreter's lock held, when not even another thread could turn; and with the lock released."""
    with Request(instance, f"{path}?600") as request:
        blocked = until(lambda: silent(instance), "one worker is blocked")
        replaced(instance, blocked)
        assert request.reply() == b"", "its own client alone is lost"
    assert "is blocked (state S), and is killed" in bootstrap_log(instance)
    assert any("applications.py" in worker_log(instance, number) for number in (0, 1))
    assert killed(instance) == 1


def test_a_worker_that_goes_on_when_it_is_asked_for_its_stack_is_left_alone(instance: Instance) -> None:
    """The signal ends the one sleep that it was in: sleep(3) is never restarted, signal(7)."""
    pids = instance.server.pids("api-blue")
    with Request(instance, "/sleep-once?600") as request:
        assert request.reply().startswith(b"HTTP/1.1 200")
    until(
        lambda: "but went on when SIGUSR1 asked it for its stack" in bootstrap_log(instance), "it is noticed"
    )
    assert instance.server.pids("api-blue") == pids
    assert killed(instance) == 0


def test_a_worker_that_computes_is_left_alone(instance: Instance) -> None:
    """It is silent for several times the timeout, and gives its answer after that."""
    pids = instance.server.pids("api-blue")
    with Request(instance, "/burn?4") as request:
        until(lambda: "and is left alone: it computes" in bootstrap_log(instance), "the watchdog sees it")
        assert request.reply().startswith(b"HTTP/1.1 200")
    assert instance.server.pids("api-blue") == pids
    assert killed(instance) == 0


def test_a_worker_that_hangs_from_the_start_is_replaced(instance: Instance) -> None:
    """It has never been ready, so it has the time of its smoke request on top."""
    instance.colour("green", workers=1, app="applications:hangs")
    instance.update("api-green")
    until(lambda: killed(instance), "the watchdog kills it")
    instance.server.remove_program("api-green")
    instance.update("api-green")


def test_a_worker_that_ends_and_comes_again_is_watched_on(instance: Instance) -> None:
    for _ in range(2):
        first = instance.server.pids("api-blue")[0]
        os.kill(first, signal.SIGKILL)
        replaced(instance, first)
    first = instance.server.pids("api-blue")[0]
    os.kill(first, signal.SIGSTOP)
    replaced(instance, first)
    assert killed(instance) == 1


def test_a_new_bootstrap_goes_on_watching(instance: Instance) -> None:
    first = instance.server.pids("api-blue")[0]
    instance.server.ctl("stop", "api-bootstrap")
    os.kill(first, signal.SIGSTOP)
    instance.server.ctl("start", "api-bootstrap")
    replaced(instance, first)


def test_a_stopped_bootstrap_blames_nobody_afterwards(instance: Instance) -> None:
    bootstrap, pids = instance.server.pids("api-bootstrap")[0], instance.server.pids("api-blue")
    os.kill(bootstrap, signal.SIGSTOP)
    served = [ask(("127.0.0.1", instance.port)) for _ in range(3)]
    # It must be stopped for longer than the timeout, and nothing but time passes meanwhile
    threading.Event().wait(3)
    os.kill(bootstrap, signal.SIGCONT)
    assert killed(instance) == 0
    assert set(served) <= {str(pid) for pid in pids}
    assert instance.server.pids("api-blue") == pids


def test_it_can_be_switched_off(supervisord: Supervisord) -> None:
    instance = Instance(supervisord)
    instance.bootstrap(watchdog_timeout=0)
    instance.colour("blue")
    supervisord.start()
    instance.wait_process("api-bootstrap")
    instance.gate("blue")
    first = supervisord.pids("api-blue")[0]
    os.kill(first, signal.SIGSTOP)
    threading.Event().wait(2)
    assert alive(first)
    os.kill(first, signal.SIGCONT)
    assert killed(instance) == 0


def silent(instance: Instance) -> int | None:
    """Return the pid of a worker that does not answer now."""
    return next(
        (pid for number, pid in enumerate(instance.server.pids("api-blue")) if not answers(instance, number)),
        None,
    )


def answers(instance: Instance, number: int) -> bool:
    try:
        return bool(status_socket.ask(instance.status_socket(f"blue-{number}"), "ready", 0.3))
    except status_socket.NoAnswerError:
        return False


class Request:
    """A request whose answer is not waited for yet."""

    def __init__(self, instance: Instance, path: str) -> None:
        self._client = socket.create_connection(("127.0.0.1", instance.port), 60)
        self._client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())

    def __enter__(self) -> Request:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def reply(self) -> bytes:
        """Return all that is answered until the end of the connection."""
        answer = b""
        try:
            while received := self._client.recv(65536):
                answer += received
        except ConnectionResetError:
            pass
        return answer
