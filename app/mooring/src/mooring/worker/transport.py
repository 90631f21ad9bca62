"""What an engine's transport does for a connection, its body and its response: one client's socket, with deadlines."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import Any, Protocol

from mooring.worker.pace import Pace

CHUNK = 65536
"""Bytes that one read takes at most."""

WRITABLE, SHUT_BY_PEER = select.POLLOUT, select.POLLRDHUP
ENDED = select.POLLHUP | select.POLLERR | select.POLLNVAL
"""What poll(2) says of a connection that is over in both directions, and of one that we have closed."""


class GoneError(ConnectionError):
    """The client has closed or reset the connection."""


class ExpiredError(TimeoutError):
    """A wait was not over at its deadline."""


class EnoughError(BaseException):
    """Thrown into an application that goes on although its response is over, as GeneratorExit is."""


class Transport(Protocol):
    """A connected socket. A method that has to wait lets other connections go on.

    Deadlines are moments of time.monotonic(). A wait raises ExpiredError at its deadline; every method raises
    GoneError when the connection is broken.
    """

    deadline: float
    is_tls: bool

    def start_tls(self, context: Any, deadline: float) -> None:
        """Do the server's part of a TLS handshake. Raises RequestError, with the reason, when it fails."""

    def recv(self, deadline: float, size: int = CHUNK) -> bytes:
        """Return what has arrived, at most ``size`` bytes, waiting for it; empty: the client has sent its end."""

    def recv_later(self, deadline: float) -> bytes:
        """Do as ``recv``, in the belief that nothing has arrived yet."""

    def recv_exactly(self, size: int, deadline: float) -> bytes:
        """Return that many bytes, leaving what follows unread."""

    def recv_paced(self, pace: Pace) -> bytes:
        """Do as ``recv``, with the patience of ``pace`` for a deadline."""

    def recv_now(self) -> bytes:
        """Return what has arrived already; empty if nothing has."""

    def events(self) -> int:
        """Return what poll(2) says of the connection now: WRITABLE, SHUT_BY_PEER, or one of ENDED."""

    def send_now(self, data: bytes) -> memoryview | None:
        """Hand what fits of the data to the kernel; return the rest, None if there is none."""

    def send(self, data: bytes | memoryview, pace: Pace) -> None:
        """Hand all the data to the kernel, waiting for room with the patience of ``pace``."""

    def send_file(self, source: int, offset: int, count: int, pace: Pace) -> int:
        """Send a part of an open file; return how many bytes there were. Raises OSError when it cannot be read."""

    def be_fair(self, size: int) -> None:
        """Count bytes that came through without a wait; after many of them, let others have their turn."""

    def take_turn(self, ends: float) -> float:
        """Let others have their turn if the present one is over; return when the next ends. The first ``ends`` is 0."""

    def ask_briefly(self, parts: Iterator[bytes]) -> bytes:
        """Return the next part that is not empty; nothing at the end, or when it does not come soon.

        For a part that nobody will read: an application that goes on all the same is ended by EnoughError.
        """

    def shutdown(self) -> bool:
        """Tell the client that nothing more will come; return False if it is gone already."""

    def close(self, *, reset: bool = False) -> None:
        """Close. With ``reset`` the client sees an error rather than an end (of a response cut short)."""
