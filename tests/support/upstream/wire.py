"""One connection of the stand-in: HTTP/1.1 by hand, so that a test can break it on purpose."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import struct
from dataclasses import dataclass, field

KEPT = 1 << 20  # bytes of a request body that are kept to look at


class GoneError(Exception):
    """The client closed the connection."""


class Fielded:
    """What has header lines, ``fields``, in their order."""

    fields: list[tuple[str, str]]

    def values(self, name: str) -> list[str]:
        """Return the values of a field, one for each line."""
        return [value for each, value in self.fields if each.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """Return the one value of a field, None if there is none."""
        values = self.values(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None


@dataclass
class Seen(Fielded):
    """A request as it came, before anything was decoded or joined."""

    method: str
    target: str
    fields: list[tuple[str, str]]
    head: bytes
    body: bytes = b""
    body_length: int = 0
    digest: str = ""
    """SHA-256 of the whole body."""
    chunks: list[int] = field(default_factory=list)
    """Sizes of the chunks, if the body came so."""


class Wire:
    """Reads requests, writes whatever the test wants."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = b""
        self.open = True

    def read_head(self) -> Seen:
        """Return the next request without its body. Raises GoneError at the end of the connection."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ")
        fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        return Seen(method, target, fields, head + b"\r\n\r\n")

    def read_body(self, seen: Seen) -> None:
        """Read the body of a request to its end. Raises GoneError when it is cut short."""
        digest = hashlib.sha256()

        def take(piece: bytes) -> None:
            digest.update(piece)
            seen.body_length += len(piece)
            if len(seen.body) < KEPT:
                seen.body += piece

        if "chunked" in (seen.value("Transfer-Encoding") or ""):
            while size := int(self._line(), 16):
                seen.chunks.append(size)
                self._read(size, take)
                assert self._line() == b""
            assert self._line() == b""
        else:
            self._read(int(seen.value("Content-Length") or 0), take)
        seen.digest = digest.hexdigest()

    def read_some(self) -> bytes:
        """Return what has come of a body, at least one byte. Raises GoneError."""
        if not self._buffer:
            self._more()
        some, self._buffer = self._buffer, b""
        return some

    def send(self, data: bytes) -> None:
        """Send bytes. Raises OSError when the client has gone."""
        self._socket.sendall(data)

    def closed_by_client(self) -> bool:
        """Wait until the client closes (True) or sends something (False)."""
        try:
            self._more()
        except GoneError:
            return True
        return False

    def close(self) -> None:
        """Close the connection."""
        self.open = False
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def reset(self) -> None:
        """Close the connection with a reset (RST)."""
        self.open = False
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _more(self) -> None:
        try:
            received = self._socket.recv(65536)
        except OSError as error:
            raise GoneError from error
        if not received:
            raise GoneError
        self._buffer += received

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _read(self, size: int, take: object) -> None:
        assert callable(take)
        while size:
            if not self._buffer:
                self._more()
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            size -= len(piece)
            take(piece)
