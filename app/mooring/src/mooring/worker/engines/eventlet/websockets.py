"""A connection that the application takes over as a websocket (RFC 6455).

For a request with ``Upgrade: websocket`` the environ has ``eventlet.input``, as under Eventlet's own server: its ``get_socket()``
returns the client's socket. ``eventlet.websocket`` and simple-websocket find it there. With the first byte that they send or
receive the connection is theirs: the application's response is dropped, and its return ends the connection.

The drain tells the client to go elsewhere: the worker sends a Close frame with 1001 (RFC 6455 7.4.1) between two frames of the
application's. What the application sends then has no reader: an answer to the client's Close is swallowed, all else is an
OSError (EPIPE), by which the libraries end. A client that does not answer is left after CLOSING.
"""

from __future__ import annotations

import errno
import socket
import time
from typing import Any

import eventlet
from eventlet.hubs import trampoline
from eventlet.semaphore import Semaphore
from greenlet import getcurrent

from mooring.http.websocket_frames import CLOSE, PONG, Frames
from mooring.settings import Settings
from mooring.worker.engines.eventlet import base
from mooring.worker.engines.eventlet.transport import READ_LATER, WRITE_LATER, EventletTransport
from mooring.worker.pace import Pace

GOING_AWAY = b"\x88\x02\x03\xe9"
"""A whole Close frame with status 1001."""

CLOSING = 5.0
"""Seconds that a client has to answer it."""


PASSED_ON = frozenset(
    (
        "getpeername",
        "getsockname",
        "getsockopt",
        "setsockopt",
        "family",
        "type",
        "proto",
        "getpeercert",
        "cipher",
        "version",
        "selected_alpn_protocol",
    )
)
"""What of the socket itself the application may use; all else would go behind the worker's back."""


class Websocket:
    """The client's socket in the application's hands. A method that has to wait lets other green threads go on."""

    def __init__(self, transport: EventletTransport, early: bytes, version: str, settings: Settings) -> None:
        """Take the connection, what has arrived behind the head, and the client's ``Sec-WebSocket-Version``."""
        self._transport = transport
        self._sock = transport.sock
        self._early = early
        self._has_frames = version in ("8", "13")
        self._settings = settings
        self._pace: Pace | None = None
        self._timeout: float | None = None
        self._sending = Semaphore()
        self._frames = Frames()
        self._waiting: set[Any] = set()
        self._leaving = self._left = self._ended = False
        self.taken = False

    # For the application: eventlet.input, and the socket

    def get_socket(self) -> Websocket:
        """Return the socket."""
        return self

    def fileno(self) -> int:
        """Return the descriptor, -1 once the connection is over."""
        return -1 if self._ended else self._transport.descriptor

    def settimeout(self, seconds: float | None) -> None:
        """Have a wait end by TimeoutError after so many seconds; None: never."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """Return what settimeout was given."""
        return self._timeout

    def __getattr__(self, name: str) -> Any:
        if name in PASSED_ON:
            return getattr(self._sock, name)
        raise AttributeError(f"the client's socket has no {name} here")

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has arrived, waiting for it; empty: the client has sent its end."""
        self._take()
        if self._early:
            early, self._early = self._early[:size], self._early[size:]
            return early
        while True:
            try:
                data: bytes = self._sock.recv(size, flags)
            except READ_LATER:  # noqa: PERF203 - waiting is what the loop is for
                self._wait(self._timeout, read=True)
            except WRITE_LATER:
                self._wait(self._timeout, write=True)
            else:
                return data

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        """Do as ``recv``, into a buffer."""
        data = self.recv(size or len(buffer), flags)
        buffer[: len(data)] = data
        return len(data)

    def send(self, data: Any, flags: int = 0) -> int:  # noqa: ARG002 - of the socket's signature
        """Send all of the data."""
        self._take()
        data = bytes(data)
        with self._sending:
            if self._left:
                if data and data[0] & 15 in (CLOSE, PONG):
                    return len(data)
                raise BrokenPipeError(errno.EPIPE, "the worker has closed this websocket: it drains")
            self._send(data)
            self._frames.feed(data)
            if self._leaving:
                self._leave()
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of the data."""
        self.send(data, flags)

    def shutdown(self, how: int) -> None:
        """Tell the client that nothing more will come."""
        if how != socket.SHUT_RD:
            self._transport.shutdown()

    def close(self) -> None:
        """Tell the client that nothing more will come, and use the connection no more. The worker closes it."""
        if not self._ended:
            self._ended = True
            if self.taken:
                self._transport.shutdown()
            self._wake()

    # For the connection

    def end(self) -> None:
        """Take the connection back from all green threads of the application: it has returned."""
        self._ended = True
        if self._waiting:
            self._wake()
            base.yield_turn()

    def go_away(self) -> None:
        """Have the client told to go elsewhere as soon as may be. To be called on the hub, or by the connection."""
        self._leaving = True
        if self.taken:
            eventlet.spawn_n(self._leave_in_turn)

    # Inside

    def _take(self) -> None:
        if self._ended:
            raise OSError(errno.EBADF, "this connection is over")
        if not self.taken:
            self.taken = True
            self._transport.hand_over()

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                sent = self._sock.send(left)
            except WRITE_LATER:  # noqa: PERF203 - waiting is what the loop is for
                self._wait_writable()
            except READ_LATER:
                self._wait(self._timeout, read=True)
            else:
                left = left[sent:]
                if self._pace is not None:
                    self._pace.account(0.0, sent)

    def _wait_writable(self) -> None:
        """Wait for room, with the patience of a response; one that reads too slowly is gone."""
        if self._pace is None:
            self._pace = Pace(self._settings.write_timeout, self._settings.min_rate)
        start = time.monotonic()
        try:
            self._wait(max(0.0, self._pace.left), write=True)
        except TimeoutError:
            self._give_up()
            raise ConnectionResetError(errno.ECONNRESET, "the client reads too slowly") from None
        self._pace.account(time.monotonic() - start, 0)

    def _wait(self, seconds: float | None, *, read: bool | None = None, write: bool | None = None) -> None:
        me = getcurrent()
        self._waiting.add(me)
        try:
            trampoline(
                self._transport.descriptor, read=read, write=write, timeout=seconds, timeout_exc=TimeoutError
            )
        finally:
            self._waiting.discard(me)
        if self._ended:
            raise OSError(errno.EBADF, "this connection is over")

    def _wake(self) -> None:
        for thread in self._waiting:
            base.hub().schedule_call_global(0, self._throw, thread)

    def _throw(self, thread: Any) -> None:
        if thread in self._waiting:
            thread.throw(OSError(errno.EBADF, "this connection is over"))

    def _leave_in_turn(self) -> None:
        with self._sending:
            self._leave()

    def _leave(self) -> None:
        """Send the Close frame, if none has been sent and no frame is under way; else the next ``send`` does."""
        if self._left or self._ended or self._frames.closed:
            return
        if not self._has_frames:
            self._left = self._transport.shutdown()
        elif self._frames.between:
            self._left = True
            base.hub().schedule_call_global(CLOSING, self._give_up)
            try:
                self._send(GOING_AWAY)
            except OSError:
                return  # it has gone by itself

    def _give_up(self) -> None:
        """End the reading: the application finds the end of what the client sends."""
        if not self._ended:
            self._transport.break_off()
