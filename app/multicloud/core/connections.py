"""Our connections to A&AI and MSB: urllib3's, with exact request-targets, patience and a limit on idling."""

from __future__ import annotations

import http.client
import io
import socket
from time import monotonic
from typing import Any, cast

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse
from urllib3.util.response import assert_header_parsing


class _Reader(io.BufferedReader):
    """What a connection sends, with a note of whether the latest line was the connection's end."""

    ended = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.ended = not line
        return line


class _Response(http.client.HTTPResponse):
    """A response that must have a whole head: http.client takes a connection's end, or nonsense, for a head's end."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp: _Reader = _Reader(cast("io.BufferedReader", self.fp).detach())

    def begin(self) -> None:
        reader = self.fp
        super().begin()
        if reader.ended:
            raise http.client.IncompleteRead(b"")
        assert_header_parsing(self.msg)
        if self.headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
            raise http.client.UnknownTransferEncoding


class Fields(dict[str, str]):
    """The header fields of a request, with what urllib3's request has no argument for."""

    target: str
    """The request-target as it is sent; urllib3 would tidy its percent-encoding."""
    patience: float
    """Seconds that sending may stall."""

    def copy(self) -> Fields:
        """Return a copy that still holds all; urllib3 sends a copy of what it is given."""
        copied = Fields(self)
        copied.target, copied.patience = self.target, self.patience
        return copied


class KeptConnection(HTTPConnection):
    """A connection that may be used again, but for a limited time."""

    response_class = _Response
    idle_limit = 0.0
    """Seconds after which it is not used again."""
    received_on: socket.socket | None = None
    """The socket of the latest response; http.client lets go of it when the connection will close."""
    _last_used = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the connection may carry another request."""
        return monotonic() - self._last_used < self.idle_limit and super().is_connected

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Send a request to the target that its header fields, which must be Fields, hold."""
        url, patience = headers.target, headers.patience
        if self.sock is None:
            self.connect()
        self.timeout = patience  # until here it was the connect timeout
        super().request(method, url, body=body, headers=headers, **options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as in urllib3
        """Return the response, its body unread."""
        self.received_on = self.sock
        response = super().getresponse()
        self._last_used = monotonic()
        return response


class KeptTlsConnection(KeptConnection, HTTPSConnection):
    """The same over TLS."""


class Pool(HTTPConnectionPool):
    """A pool of our connections."""

    ConnectionCls = KeptConnection


class TlsPool(HTTPSConnectionPool):
    """A pool of our connections over TLS."""

    ConnectionCls = KeptTlsConnection


def pool_classes(idle_limit: float) -> dict[str, type[HTTPConnectionPool]]:
    """Return the pool class of each URL scheme, for connections that may idle for that many seconds."""
    limited = {"idle_limit": idle_limit}
    plain = type("KeptConnection", (KeptConnection,), limited)
    tls = type("KeptTlsConnection", (KeptTlsConnection,), limited)
    return {
        "http": type("Pool", (Pool,), {"ConnectionCls": plain}),
        "https": type("TlsPool", (TlsPool,), {"ConnectionCls": tls}),
    }
