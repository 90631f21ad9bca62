"""A response whose body is read as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from multicloud.client.connection import BLOCK, Connection
from multicloud.client.decoding import decode
from multicloud.client.exceptions import HTTPError, ResponseTooLargeError
from multicloud.client.head import ResponseHead

PAUSE = 0.05
"""Seconds that a server may pause before what it has sent so far is passed on."""


class Pool(Protocol):
    """Who takes a connection back."""

    def put(self, connection: Connection) -> None: ...  # noqa: D102 - pool.ConnectionPool says it


class Response:
    """A response. Iterate over its body once; ``close`` ends the exchange at any time.

    A response that was read to its end has given its connection back already.
    """

    def __init__(self, head: ResponseHead, connection: Connection, pool: Pool) -> None:
        self._connection: Connection | None = connection
        self._pool = pool
        self._preloaded: list[bytes] = []
        self._body = self._pieces()
        self.status = head.status
        self.headers = head.headers
        self._announced = head.length
        self.length = head.length
        """The announced length of the body (for HEAD: of the one that GET would have); None once it is decoded."""
        if connection.ended:
            self._release()

    def decode_content(self) -> None:
        """Undo the body's Content-Encoding as it is read, for a client that does not get to see that field.

        Raises DecodeError if there are too many codings.
        """
        encoding = ",".join(value for name, value in self.headers if name.lower() == "content-encoding")
        if encoding:
            self._body = decode(self._body, encoding)
            self.length = None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body's pieces as they come. Raises HTTPError."""
        preloaded, self._preloaded = self._preloaded, []
        yield from preloaded
        yield from self._body

    def preload(self, most: int = BLOCK) -> bytes | None:
        """Return the whole body if it is small and comes without a pause; else None: iterate over it then.

        Small is at most ``most`` bytes. So what is small is known to be complete before any of it is passed on.
        Raises as iterating does.
        """
        if self._connection is None:
            return b""
        announced = self._announced
        if announced is not None and announced > most:
            return None
        size = 0
        while size <= most:
            piece = next(self._body, b"")
            if not piece:
                return b"".join(self._preloaded)
            self._preloaded.append(piece)
            size += len(piece)
            if announced is None and self._connection is not None and self._connection.pauses(PAUSE):
                break
        return None

    def read(self, most: int) -> bytes:
        """Return the whole body. Raises HTTPError; ResponseTooLargeError if it has more than ``most`` bytes."""
        pieces, size = [], 0
        for piece in self:
            pieces.append(piece)
            size += len(piece)
            if size > most:
                self.close()
                raise ResponseTooLargeError("the answer is too long")
        return b"".join(pieces)

    def drain(self) -> None:
        """Give the body up; a small one is read, so that the connection can be used again."""
        try:
            self.preload()
        except HTTPError:
            pass  # it was not wanted anyway
        finally:
            self.close()

    def close(self) -> None:
        """End the exchange."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _pieces(self) -> Iterator[bytes]:
        """Yield the body as it was sent; give the connection back as soon as it has carried all of it."""
        while (connection := self._connection) is not None:
            try:
                piece = connection.piece()
            except BaseException:
                self.close()
                raise
            if connection.ended:
                self._release()
            if piece:
                yield piece

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.put(connection)
