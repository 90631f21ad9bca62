"""An upstream that takes its time: ``python -m bench.upstream`` prints its port, then answers each GET after DELAY.

It runs on the cores of what is measured, so it does little else than that: no framework, and heads only (what the
benchmark forwards has no body). The benchmark measures it alone as well, to show what it costs.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections import deque

DELAY = 0.1
"""Seconds from the end of a request's head to its answer."""

BODY = b'{"slow": true}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
BACKLOG = 4096
BLOCK = 4096


class Upstream:
    """A listening socket and its connections; a request on each is answered before the next one is sent."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._connections: dict[int, tuple[socket.socket, bytearray]] = {}
        self._due: deque[tuple[float, socket.socket]] = deque()
        """Whom to answer when: all wait equally long, so the first is the next."""

    def run(self) -> None:
        """Serve until killed."""
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for number, _ in self._poll.poll(wait):
                if number == self._listener.fileno():
                    self._accept()
                else:
                    self._read(number)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._answer(self._due.popleft()[1])

    def _accept(self) -> None:
        try:
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                self._connections[sock.fileno()] = sock, bytearray()
                self._poll.register(sock, select.EPOLLIN)
        except BlockingIOError:
            return

    def _read(self, number: int) -> None:
        sock, arrived = self._connections[number]
        try:
            data = sock.recv(BLOCK)
        except OSError:
            data = b""
        if not data:
            del self._connections[number]
            sock.close()
            return
        arrived += data
        if arrived.endswith(b"\r\n\r\n"):
            arrived.clear()
            self._due.append((time.monotonic() + DELAY, sock))

    @staticmethod
    def _answer(sock: socket.socket) -> None:
        try:
            sock.send(ANSWER)
        except OSError:
            return  # gone, or closed above: nobody waits for it


if __name__ == "__main__":
    upstream = Upstream()
    sys.stdout.write(f"{upstream.port}\n")
    sys.stdout.flush()
    upstream.run()
