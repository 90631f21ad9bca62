"""One client's byte stream as the server reads it: the proxy's header and TLS, then the heads of its requests, then its end.

A connection is SILENT until its first byte, IDLE between requests, else BUSY. Each wait has a deadline that is a
total. How it ends matters: closing while the client still sends makes the kernel answer with a reset, which can
take back a response that the client has not read yet. So where the client may be sending, our side is shut first and
what comes is read away for a moment (RFC 9112 9.6).
"""

from __future__ import annotations

import time
from typing import Any

from mooring.http import proxy_protocol
from mooring.http.errors import RequestError
from mooring.http.request_head import PartialHead, head_size
from mooring.worker.server import Server
from mooring.worker.transport import ExpiredError, GoneError, Transport

SILENT, IDLE, BUSY = range(3)


class ClientStream:
    """Reads one client's stream. What an engine's connection inherits: one object less for each."""

    __slots__ = (
        "_address",
        "_arrived",
        "_is_inside",
        "_server",
        "_settings",
        "_started",
        "phase",
        "transport",
    )

    def __init__(self, server: Server, transport: Transport, address: Any, *, is_inside: bool) -> None:
        """Take a connection; ``is_inside``: from this process itself, so without TLS and proxies."""
        self._server = server
        self._settings = server.settings
        self._address = address
        self._is_inside = is_inside
        self._started = time.monotonic()
        self._arrived = b""
        self.transport = transport
        self.phase = SILENT

    def hurry(self, now: float) -> float:
        """In a drain: shorten the present wait if it is for a request to begin; return its deadline.

        Who has taken the connection over is told to go elsewhere.
        """
        if self.phase == SILENT:
            grace = self._settings.drain_first_byte_grace
        elif self.phase == IDLE:
            grace = self._settings.drain_idle_grace
        else:
            self._end_upgrade_soon()
            return self.transport.deadline
        self.transport.deadline = min(self.transport.deadline, now + grace)
        return self.transport.deadline

    def _end_upgrade_soon(self) -> None:
        """In a drain: have who has taken the connection over told to go elsewhere."""

    # What comes before the first request

    def _secure(self) -> None:
        """Read the PROXY header, do the TLS handshake: what the settings want of them."""
        server = self._server
        if not self._is_inside:
            deadline = self._started + self._settings.header_timeout
            if server.expects_proxy_header(self._address):
                self._address = self._read_proxy_header(deadline) or self._address
            if server.tls is not None:
                self.transport.start_tls(server.tls, deadline)

    def _read_proxy_header(self, deadline: float) -> tuple[str, int] | None:
        """Return the client's address as the proxy says, None if the proxy speaks for itself."""
        receive = self.transport.recv_exactly
        start = proxy_protocol.parse_start(receive(proxy_protocol.START_SIZE, deadline))
        return proxy_protocol.parse_client(start, receive(start.size, deadline))

    # The head

    def _next_head(self) -> bytes:
        """Return the next head, empty when the client has ended; what follows it is in ``_arrived``."""
        data = self._arrived
        if data:
            self._started = time.monotonic()
        else:
            data = self._first_bytes()
            if not data:
                return b""
        size = head_size(data, self._settings)
        if not size:
            data, size = self._rest_of_head(data)
        if size == len(data):
            self._arrived = b""
            return data
        self._arrived = data[size:]
        return data[:size]

    def _rest_of_head(self, data: bytes) -> tuple[bytes, int]:
        """Read on until the head is complete; return what has arrived, and the size of the head. Raises RequestError."""
        deadline = self._started + self._settings.header_timeout
        head = PartialHead(self._settings)
        while not head.feed(data):
            try:
                data = self.transport.recv_later(deadline)
            except ExpiredError:
                raise RequestError(408, "the head took too long (MOORING_HEADER_TIMEOUT)") from None
            if not data:
                raise RequestError(400, "the client closed within the head (RFC 9112 8)")
        return head.taken()

    def _first_bytes(self) -> bytes:
        """Wait for a request to begin; return its first bytes, empty when none comes."""
        server, settings, transport = self._server, self._settings, self.transport
        try:
            if self.phase == SILENT:
                deadline = self._started + settings.header_timeout
                if server.draining:
                    deadline = min(deadline, time.monotonic() + settings.drain_first_byte_grace)
                data = transport.recv(deadline)
            else:
                self.phase = IDLE
                self._started = time.monotonic()
                grace = settings.drain_idle_grace if server.draining else settings.keepalive_timeout
                data = transport.recv_later(self._started + grace)
                self._started = time.monotonic()
        except ExpiredError:
            data = transport.recv_now()  # it may just have come
            if not data:
                self._linger()
        self.phase = BUSY
        return data

    # The end

    def _linger(self) -> None:
        """Shut our side and read away what the client still sends, until it closes or linger_timeout is over."""
        deadline = time.monotonic() + self._settings.linger_timeout
        try:
            if self.transport.shutdown():
                while self.transport.recv_later(deadline):
                    pass
        except (GoneError, ExpiredError):
            return

    def _peer(self) -> str:
        """Return the client's address for the log."""
        if isinstance(self._address, tuple):
            return f"{self._address[0]} port {self._address[1]}"
        return "unix"
