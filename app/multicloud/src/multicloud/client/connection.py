"""A connection to a server: one exchange after the other on a socket, over TLS or not.

Heads are parsed by ``head``, chunks by llhttp. A general HTTP client (urllib3 over http.client) took half of a worker's
time for a forward, several times as much as this; docs/performance/remarks.md has the figures. It uses the plain
interface of sockets, so it works in threads and, under a server that makes sockets green, in green threads alike.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from time import monotonic

from multicloud.client.chunked import ChunkedDecoder
from multicloud.client.exceptions import (
    CLOSED_BY_PEER,
    CUT_SHORT,
    ProtocolError,
    RemoteDisconnectedError,
    TimeoutExpiredError,
    from_socket,
)
from multicloud.client.head import END, MAX_HEAD, ResponseHead, parse
from multicloud.client.request import Origin

BLOCK = 65536
"""Bytes that are read at a time."""

MAX_INTERIM = 32
"""Interim responses that may come before the one that counts."""

NO_BODY = frozenset({204, 304})
"""The statuses of responses that have none (RFC 9112, section 6.3), as the responses to HEAD."""


@lru_cache(maxsize=8)
def ssl_context(ca_file: Path | None, *, verify: bool) -> ssl.SSLContext:
    """Return how certificates are verified: by these authorities (None: the system's), or not at all."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # whatever the host's configuration of OpenSSL says
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def connect(origin: Origin, seconds: float, *, ca_file: Path | None, verify: bool) -> Connection:
    """Return a new connection, which may take that long. Raises HTTPError."""
    try:
        sock = socket.create_connection((origin.host, origin.port), seconds)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are sent one by one
            if origin.scheme == "https":
                context = ssl_context(ca_file, verify=verify)
                sock = context.wrap_socket(sock, server_hostname=origin.host)
        except BaseException:
            sock.close()
            raise
    except (OSError, UnicodeError) as error:
        raise from_socket(error) from error
    return Connection(sock)


class Connection:
    """A connection, for one exchange at a time: ``begin``, ``send``, ``head``, then ``piece`` until ``ended``.

    All but ``is_fit`` and ``close`` raise HTTPError; the connection is to be closed then.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._arrived = b""
        self._closed = False
        self._answered = False
        self._left: int | None = 0
        self._chunks: ChunkedDecoder | None = None
        self._deadline = self._patience = 0.0
        self.ended = True
        """Whether the response has been read to its end."""
        self.reusable = True
        """Whether the connection may carry another exchange when the present one has ended."""
        self.idle_since = 0.0
        """When it was put aside, by time.monotonic; for whoever does that."""

    def is_fit(self) -> bool:
        """Tell whether nothing has come while it was idle: neither its end nor bytes that nobody has asked for."""
        try:
            self._sock.settimeout(0)
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except TimeoutError as error:  # a green TLS socket waits for no time at all; ETIMEDOUT has its number
            return error.errno is None
        except OSError:
            pass
        return False

    def begin(self, deadline: float, patience: float) -> None:
        """Start an exchange that must end by ``deadline`` (of time.monotonic), waiting ``patience`` seconds each time."""
        self._deadline, self._patience = deadline, patience
        self._answered = False

    def send(self, head: bytes, body: Iterable[bytes] | None, *, chunked: bool) -> None:
        """Send a request. Raises whatever the body raises, too."""
        if not self._sent(head) or body is None:
            return
        for piece in body:
            if piece and not self._sent(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece):
                return
        if chunked:
            self._sent(b"0\r\n\r\n")

    def head(self, method: str) -> ResponseHead:
        """Return the head of the response to a request of that method; interim ones are read over.

        Raises RemoteDisconnectedError if the connection ends before any byte of it.
        """
        head, interim = self._any_head(), 0
        while head.status < 200 and head.status != 101:
            interim += 1
            if interim > MAX_INTERIM:
                raise ProtocolError(f"more than {MAX_INTERIM} interim answers came before the answer")
            head = self._any_head()
        if not 200 <= head.status <= 599:  # RFC 9110, section 15, knows no others
            raise ProtocolError(f"the status {head.status} is no answer")
        if method == "HEAD" or head.status in NO_BODY:
            self._left = 0
        elif head.chunked:
            self._chunks = ChunkedDecoder()
        else:
            self._left = head.length
        self.reusable = self.reusable and head.keep and (self._left is not None or head.chunked)
        if self._left == 0 and self._chunks is None:
            self._end(excess=bool(self._arrived))
        return head

    def piece(self) -> bytes:
        """Return more of the body as it comes, at most BLOCK bytes; nothing at its end."""
        while not self.ended:
            data = self._arrived or self._receive()
            self._arrived = b""
            if not data and (self._chunks or self._left is not None):
                raise ProtocolError(CUT_SHORT)
            if self._chunks:
                data = self._chunks.decode(data)
                if self._chunks.ended:
                    self._end(excess=self._chunks.excess)
            elif self._left is None:
                self.ended = not data
            else:
                excess = len(data) > self._left
                data = data[: self._left]
                self._left -= len(data)
                if not self._left:
                    self._end(excess=excess)
            if data:
                return data
        return b""

    def pauses(self, seconds: float) -> bool:
        """Tell whether nothing more comes within that time."""
        if self.ended or self._arrived:
            return False
        patience, self._patience = self._patience, min(seconds, self._patience)
        try:
            self._arrived = self._receive()
        except TimeoutExpiredError:
            return True
        finally:
            self._patience = patience
        return False

    def close(self) -> None:
        """Close it, whatever is still under way."""
        self._chunks = None
        self._sock.close()

    def _end(self, *, excess: bool) -> None:
        self.ended = True
        self.reusable = self.reusable and not excess  # nobody has asked for what is there already
        self._chunks = None

    def _any_head(self) -> ResponseHead:
        self.ended = False
        arrived, self._arrived = self._arrived, b""
        looked = 0
        while (end := END.search(arrived, looked)) is None:
            if len(arrived) > MAX_HEAD:
                raise ProtocolError(f"the answer's head has more than {MAX_HEAD} bytes")
            if arrived and not arrived.startswith(b"HTTP/"[: len(arrived)]):
                raise ProtocolError("the answer is not HTTP")
            data = self._receive()
            if not data:
                raise ProtocolError(CUT_SHORT) if self._answered else RemoteDisconnectedError(CUT_SHORT)
            looked = max(0, len(arrived) - len(b"\r\n\r"))
            arrived += data
        self._arrived = arrived[end.end() :]
        return parse(arrived[: end.start()])

    def _sent(self, data: bytes) -> bool:
        """Send; return whether the other side still listens. If it does not, it may have answered all the same."""
        try:
            self._sock.settimeout(self._limit())
            self._sock.sendall(data)
        except CLOSED_BY_PEER:
            self.reusable = False
            return False
        except OSError as error:
            raise from_socket(error) from error
        return True

    def _receive(self) -> bytes:
        """Return what comes; nothing at the connection's end, however often it is asked."""
        if self._closed:
            return b""
        try:
            self._sock.settimeout(self._limit())
            data = self._sock.recv(BLOCK)
        except CLOSED_BY_PEER as error:
            raise (from_socket(error) if self._answered else RemoteDisconnectedError(CUT_SHORT)) from error
        except OSError as error:
            raise from_socket(error) from error
        self._closed = not data
        self._answered = self._answered or bool(data)
        return data

    def _limit(self) -> float:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutExpiredError("the exchange took too long")
        return min(left, self._patience)
