"""A server of a test's own: a listening socket whose clients are given to a function."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

DEADLINE = 120


@contextlib.contextmanager
def served(listener: socket.socket, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """Give each client of the listener to `serve`, one after another, until the end; its OSError ends that client alone."""

    def accept() -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return  # closed
            with client, contextlib.suppress(OSError):
                serve(client)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE)
        assert not thread.is_alive()
