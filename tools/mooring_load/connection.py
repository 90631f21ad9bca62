"""One client connection: connect, send a request, read its response, and say precisely what went wrong.

Written on the bare socket and the loop's reader and writer callbacks, not on asyncio's transports: those fold
EOF, reset and a failed send into one "connection lost", and the tool exists to tell them apart.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mooring_load.causes import cause, check, class_of_connect
from mooring_load.destination import Destination
from mooring_load.outcome import RequestFailedError
from mooring_load.response import ResponseReader

_RECEIVE: Final = 65536
_FULL_BACKLOG_RETRY: Final = 0.005


@dataclass(slots=True)
class Response:
    """A complete response. `keep` says whether the connection may carry another request."""

    status: int
    body: bytes
    keep: bool


class Connection:
    """A connection for one exchange after another.

    `ended` is None while it is open, else how it ended: "eof", "reset" or "closed" (by this side). `unasked`
    holds bytes that came while no request was waiting, and `on_unasked` is called when they come; `sent` says
    whether a byte of the present request went out. Deadlines are of the loop's clock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, destination: Destination, holder_header: str) -> None:
        self._loop = loop
        self._destination = destination
        self._socket: socket.socket | None = None
        self._reader = ResponseReader(holder_header)
        self._waiter: asyncio.Future[None] | None = None
        self._unsent = b""
        self._writing = False
        self._send_error: OSError | None = None
        self._pending: Callable[[], int] = int
        self.local_port: int | None = None
        self.served = 0
        self.ended: str | None = None
        self.sent = False
        self.on_unasked: Callable[[], None] = _ignore

    @property
    def unasked(self) -> bytes:
        """Return the bytes that came while no request was waiting."""
        return self._reader.unasked

    @property
    def holder(self) -> str | None:
        """Return the server's process that answered last, if it says so."""
        return self._reader.holder

    # --- what clients call

    async def open(self, deadline: float) -> None:
        """Connect, or raise RequestFailedError: refused, timeout, unreachable or local."""
        timer = None
        try:
            self._socket = sock = socket.socket(self._destination.family, socket.SOCK_STREAM)
            sock.setblocking(False)
            if self._destination.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = await self._started(sock, deadline)
            if code == errno.EINPROGRESS:
                self._waiter = self._loop.create_future()
                timer = self._loop.call_at(deadline, self._expire, "connect")
                self._loop.add_writer(sock, self._wake)
                await self._waiter
                self._loop.remove_writer(sock)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            check(code)
            if self._destination.tls is not None:
                timer = timer or self._loop.call_at(deadline, self._expire, "connect")
                sock = await self._secured(self._destination.tls, sock)
        except OSError as error:
            self.close()
            raise RequestFailedError(class_of_connect(error), "connect", cause(error)) from None
        except RequestFailedError:
            self.close()
            raise
        finally:
            self._waiter = None
            if timer:
                timer.cancel()
        self._loop.add_reader(sock, self._on_readable)

    def usable(self) -> bool:
        """Say whether the next request may be sent: no EOF, reset or unasked bytes came meanwhile."""
        if self.ended is None:
            self._on_readable()
        return self.ended is None and not self.unasked

    async def exchange(self, request: bytes, deadline: float) -> Response:
        """Send a request and return its response, or close and raise RequestFailedError."""
        self._reader.begin()
        self.sent = False
        self._waiter = self._loop.create_future()
        timer = self._loop.call_at(deadline, self._expire, "response")
        try:
            self._send(request)
            await self._waiter
        except RequestFailedError:
            self.close()
            raise
        finally:
            timer.cancel()
            self._waiter = None
        if self.unasked:
            self.close()
            raise RequestFailedError("unasked", "body", f"after the response came {self.unasked[:80]!r}")
        self.served += 1
        reader = self._reader
        return Response(reader.status, reader.body, reader.keep and not self._unsent)

    async def ended_within(self, seconds: float) -> bool:
        """Wait for the server to end the connection; False if it has not by then."""
        if self.ended is None and not self.unasked:
            self._waiter = self._loop.create_future()
            timer = self._loop.call_later(seconds, self._wake)
            await self._waiter
            timer.cancel()
            self._waiter = None
        return self.ended is not None

    def close(self) -> None:
        """Close this side; what the server sends from now on is not seen."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None
        if self.ended is None:
            self.ended = "closed"

    # --- connecting and sending

    async def _started(self, sock: socket.socket, deadline: float) -> int:
        """Start to connect; return 0, or an errno.

        A unix socket whose backlog is full answers EAGAIN where a blocking client would wait (unix(7)), so
        this waits as well.
        """
        code = sock.connect_ex(self._destination.address)
        while code == errno.EAGAIN:
            if self._loop.time() >= deadline:
                raise RequestFailedError("timeout", "connect", "the unix socket's backlog stayed full")
            await asyncio.sleep(_FULL_BACKLOG_RETRY)
            code = sock.connect_ex(self._destination.address)
        if self._destination.family != socket.AF_UNIX:
            self.local_port = sock.getsockname()[1]
        return code

    async def _secured(self, tls: ssl.SSLContext, sock: socket.socket) -> socket.socket:
        """Shake hands (RFC 8446 4) and return the socket to talk through from now on."""
        self._socket = wrapped = tls.wrap_socket(
            sock, server_hostname=self._destination.name, do_handshake_on_connect=False
        )
        while True:
            add = self._loop.add_reader
            try:
                wrapped.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLWantWriteError:
                add = self._loop.add_writer
            else:
                self._pending = wrapped.pending
                return wrapped
            self._waiter = self._loop.create_future()
            add(wrapped, self._wake)
            try:
                await self._waiter
            finally:
                self._loop.remove_reader(wrapped)
                self._loop.remove_writer(wrapped)

    def _send(self, data: bytes) -> None:
        """Send what the kernel takes, the rest when it takes more.

        An error of send ends nothing yet: the server may have answered before it closed (RFC 9112 9.5), so
        the response is read first, and what reading says counts.
        """
        sock = self._socket
        if sock is None:
            raise AssertionError("exchange on a closed connection")
        try:
            size = sock.send(data)
        except BlockingIOError:
            size = 0
        except OSError as error:
            self._send_error = error
            size = len(data)
        else:
            self.sent = self.sent or size > 0
        self._unsent = data[size:]
        if self._unsent and not self._writing:
            self._loop.add_writer(sock, self._send_rest)
        elif self._writing and not self._unsent:
            self._loop.remove_writer(sock)
        self._writing = bool(self._unsent)

    def _send_rest(self) -> None:
        self._send(self._unsent)

    # --- the socket's events

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: str, detail: str) -> None:
        if self._waiter is not None and not self._waiter.done():
            phase = "body" if self._reader.received else "response"
            self._waiter.set_exception(RequestFailedError(failure, phase, detail))

    def _expire(self, phase: str) -> None:
        if self._waiter is not None and not self._waiter.done():
            phase = "body" if self._reader.received else phase
            self._waiter.set_exception(RequestFailedError("timeout", phase, "the time limit passed"))

    def _on_readable(self) -> None:
        self._receive()
        while self._pending() and self._socket is not None and not self.unasked:
            self._receive()  # what TLS has deciphered already wakes no loop

    def _receive(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(_RECEIVE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._on_end("reset", error)
            return
        if not data:
            self._on_end("eof", None)
        elif self._waiter is None or self._reader.complete:
            self._reader.unasked = self._reader.unasked or data
            self._loop.remove_reader(self._socket)
            self._wake()
            self.on_unasked()
        else:
            self._on_data(data)

    def _on_data(self, data: bytes) -> None:
        self._reader.feed(data)
        if self._reader.malformed:
            self._fail("malformed", self._reader.malformed)
        elif self._reader.complete:
            self._wake()

    def _on_end(self, how: str, error: OSError | None) -> None:
        reader = self._reader
        waiting = self._waiter is not None and not reader.complete
        self.close()
        self.ended = how
        if how == "eof":
            reader.end()
        if not waiting or reader.complete:
            self._wake()
        elif how == "reset" or (self._send_error is not None and not reader.received):
            self._fail("reset", cause(error or self._send_error))
        elif reader.received:
            self._fail(
                "short", f"EOF after {reader.size} bytes of the body" if reader.in_body else "EOF in the head"
            )
        elif self.served:
            self._fail(
                "closed_idle", f"EOF; the connection had carried {self.served} responses, no close announced"
            )
        else:
            self._fail("closed", "EOF; the connection had carried no response")


def _ignore() -> None:
    pass
