"""The request's body, read from the server piece by piece: never as a whole, by neither framework."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BLOCK = 65536
"""Bytes that are read and passed on at a time."""


class ClientGoneError(Exception):
    """The client's body ended, or failed, before its announced length.

    ``status`` is what the server would answer, if it says so (413 for too long a body, 408 for too slow a client).
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class RequestBody:
    """An iterable over a request's body, read once.

    ``length`` is the announced length in bytes, None for a chunked body. Keeps what it has read as long as
    that is at most ``keep`` bytes, so that a redirect can be answered with the same body.
    """

    def __init__(self, environ: dict[str, Any], keep: int = 0) -> None:
        stream = environ["wsgi.input"]
        self._receive = getattr(
            stream, "read1", stream.read
        )  # read1: what is there, without waiting for more
        announced = environ.get("CONTENT_LENGTH") or ""
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        self.length = int(announced) if announced.isdecimal() and not chunked else (None if chunked else 0)
        self.announced = bool(announced) or chunked
        """Whether the request has a body at all, if only an empty one."""
        self._keep = keep
        self._kept: list[bytes] | None = []
        self._read = 0
        self._complete = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to send."""
        return self.length == 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body's pieces that were not read yet.

        Raises ClientGoneError when the client fails, or sends too little.
        """
        while not self._complete and (self.length is None or self._read < self.length):
            wanted = BLOCK if self.length is None else min(BLOCK, self.length - self._read)
            try:
                piece = self._receive(wanted)
            except Exception as error:  # each server has its own for a client that is gone or breaks HTTP
                status = getattr(error, "status", None)
                raise ClientGoneError(
                    f"the request body could not be read ({error})",
                    status if isinstance(status, int) else 400,
                ) from error
            if not piece:
                if self.length is None:
                    break
                raise ClientGoneError(f"the request body ended after {self._read} of {self.length} bytes")
            self._read += len(piece)
            self._remember(piece)
            yield piece
        self._complete = True

    def _remember(self, piece: bytes) -> None:
        if self._kept is not None:
            self._kept.append(piece)
            if self._read > self._keep:
                self._kept = None

    def rewind(self) -> bytes | None:
        """Return the whole body, None if it is too long to be kept; what was not read yet is read.

        Raises ClientGoneError.
        """
        if self._kept is not None:
            for _ in self:
                if self._kept is None:
                    return None
        return None if self._kept is None else b"".join(self._kept)

    def read_all(self, limit: int) -> bytes | None:
        """Return the whole body, or None if it has more than ``limit`` bytes. Raises ClientGoneError."""
        if self.length is not None and self.length > limit:
            return None
        pieces = []
        for piece in self:
            pieces.append(piece)
            if self._read > limit:
                return None
        return b"".join(pieces)
