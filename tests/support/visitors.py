"""A light steady load on a socket, and another program at a port."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from support.waiting import DEADLINE, until


class Visitors:
    """A light steady load: each visitor opens a connection, sends a request, reads the answer, and comes again.

    `failures` counts what went wrong, by kind; `answers` counts the answers by their text (the acceptor's
    pid).
    """

    def __init__(self, address: Any, family: int = socket.AF_INET, number: int = 2) -> None:
        self._address, self._family = address, family
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(number)]
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        self.more()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(DEADLINE)

    def more(self, count: int = 20) -> None:
        """Wait until that many more answers have come."""
        goal = self.answers.total() + count
        until(lambda: self.answers.total() >= goal or self.failures, f"{count} more answers")

    def _visit(self) -> None:
        while not self._end.wait(0.005):
            self._visit_once()

    def _visit_once(self) -> None:
        try:
            self.answers[ask(self._address, self._family)] += 1
        except OSError as error:
            self.failures[f"{type(error).__name__}: {error}"] += 1


def ask(address: Any, family: int = socket.AF_INET) -> str:
    """Send one request over a new connection and return the answer's body. OSError."""
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(DEADLINE)
        client.connect(address)
        client.sendall(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
        answer = b""
        while received := client.recv(65536):
            answer += received
    if not answer.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")):
        raise OSError(f"no answer: {answer[:80]!r}")
    return answer.partition(b"\r\n\r\n")[2].decode()


@contextlib.contextmanager
def listening(port: int, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Hold a port, as another program would."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((host, port))
        holder.listen()
        yield holder
