"""A response of A&AI or MSB whose body is read as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from multicloud.core.coding import decoded
from multicloud.core.connections import BLOCK, Connection
from multicloud.core.reply import Head
from multicloud.core.upstream import TooLongError, UpstreamError

PAUSE = 0.05
"""Seconds that an upstream may pause before what it has sent so far is passed on."""


class Received:
    """A response. Iterate over its body once; ``close`` ends the exchange at any time."""

    def __init__(self, head: Head, connection: Connection, give_back: Callable[[Connection], None]) -> None:
        self._connection: Connection | None = connection
        self._give_back = give_back
        self._held: list[bytes] = []
        self._announced = head.length
        self._body = self._pieces()
        self._encoding = ""
        self.status = head.status
        self.fields = head.fields
        if connection.ended:
            self._done()

    @property
    def length(self) -> int | None:
        """The announced length of the body (for HEAD: of the one that GET would have)."""
        return None if self._encoding else self._announced

    def decode(self) -> None:
        """Undo the body's Content-Encoding as it is read, for a client that does not get to see that field.

        Raises UpstreamError if there are too many codings.
        """
        values = [value for name, value in self.fields if name.lower() == "content-encoding"]
        if values:
            encoding = ",".join(values)
            self._body = decoded(self._body, encoding)
            self._encoding = encoding

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body's pieces as they come. Raises UpstreamError and UpstreamTimeoutError."""
        held, self._held = self._held, []
        yield from held
        yield from self._body

    def hold(self, most: int = BLOCK) -> bytes | None:
        """Return the whole body if it is small and comes without a pause; else None: iterate over it then.

        Small is at most ``most`` bytes. So what is small is known to be complete before any of it is passed on.
        Raises as iterating does.
        """
        if self._connection is None:
            return b""
        known = self._announced is not None
        if known and self._announced > most:  # type: ignore[operator] # it is known
            return None
        size = 0
        while size <= most:
            piece = next(self._body, b"")
            if not piece:
                return b"".join(self._held)
            self._held.append(piece)
            size += len(piece)
            if not known and self._connection is not None and self._connection.pauses(PAUSE):
                break
        return None

    def read_all(self, most: int) -> bytes:
        """Return the whole body. Raises UpstreamError; TooLongError if it has more than ``most`` bytes."""
        pieces, size = [], 0
        for piece in self:
            pieces.append(piece)
            size += len(piece)
            if size > most:
                self.close()
                raise TooLongError("the answer is too long")
        return b"".join(pieces)

    def discard(self) -> None:
        """Give the body up; a small one is read, so that the connection can be used again."""
        try:
            self.hold()
        except UpstreamError:
            pass  # it was not wanted anyway
        finally:
            self.close()

    def close(self) -> None:
        """End the exchange. A response that was read to its end has given its connection back already."""
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
                self._done()
            if piece:
                yield piece

    def _done(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._give_back(connection)
