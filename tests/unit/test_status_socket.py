"""The status sockets' client: against real unix sockets that answer, or do not."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mooring import status_socket
from support.folders import short_folder

Answerer = Callable[[bytes | None], Path]


@pytest.fixture
def answerer(tmp_path: Path) -> Iterator[Answerer]:
    """Return a maker of sockets that answer one client with these bytes, or say nothing (None)."""
    done = threading.Event()
    threads = []

    def make(answer: bytes | None) -> Path:
        path = tmp_path / "s"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            with listener, listener.accept()[0] as client:
                client.recv(100)
                if answer is None:
                    done.wait(30)
                else:
                    client.sendall(answer)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return path

    yield make
    done.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_a_line_of_json_is_the_answer(answerer: Answerer) -> None:
    big = {"ready": True, "filler": "x" * 200_000}
    assert status_socket.ask(answerer(json.dumps(big).encode() + b"\n"), "ready", 10) == big


@pytest.mark.parametrize(
    ("answer", "told"),
    [(b"", "not a line of JSON"), (b"hello\n", "not a line of JSON"), (b"[1]\n", "not a JSON object")],
)
def test_what_is_no_answer_is_refused(answerer: Answerer, answer: bytes, told: str) -> None:
    with pytest.raises(status_socket.NoAnswerError, match=told):
        status_socket.ask(answerer(answer), "ready", 10)


def test_silence_ends_with_the_time(answerer: Answerer) -> None:
    with pytest.raises(status_socket.NoAnswerError, match=r"no answer to 'ready' within 0\.2 s"):
        status_socket.ask(answerer(None), "ready", 0.2)


def test_nobody_there_is_told_with_the_path() -> None:
    with (
        short_folder() as folder,
        pytest.raises(status_socket.NoAnswerError, match=r"gone\.sock: No such file"),
    ):
        status_socket.ask(folder / "gone.sock", "ready", 1)


def test_names_of_sockets() -> None:
    assert status_socket.worker_socket("/run/x", "api", "green", 3) == Path("/run/x/api-green-3.sock")
    assert status_socket.bootstrap_socket("/run/x", "api") == Path("/run/x/api-bootstrap.sock")
    assert status_socket.path_problem(Path("/" + "a" * 106)) is None
    assert "107" in (status_socket.path_problem(Path("/" + "a" * 107)) or "")
