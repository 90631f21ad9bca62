"""A response of A&AI or MSB whose body is read as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import cast

from urllib3.response import HTTPResponse
from urllib3.util.wait import wait_for_read

from multicloud.core.connections import KeptConnection
from multicloud.core.upstream import TooLongError, UpstreamError, UpstreamTimeoutError, errors_told

BLOCK = 65536
"""Bytes that are read at a time, and that are held back at most before an answer is passed on."""

PAUSE = 0.05
"""Seconds that an upstream may pause before what it has sent so far is passed on."""


class Received:
    """A response. Iterate over its body once; ``close`` ends the exchange at any time."""

    def __init__(self, response: HTTPResponse, deadline: float) -> None:
        self._response = response
        self._deadline = deadline
        self._held: list[bytes] = []
        self._ended = False
        self._decoding = False
        self.status = response.status
        self.fields: list[tuple[str, str]] = list(response.headers.items())

    @property
    def length(self) -> str | None:
        """The announced length of the body (for HEAD: of the one that GET would have) if it is sound."""
        if self._decoding:
            return None
        values = {part.strip() for part in self._response.headers.get("content-length", "").split(",")}
        value = values.pop()
        chunked = "transfer-encoding" in self._response.headers
        sound = value.isascii() and value.isdigit() and len(value) <= 18
        return value if sound and not values and not chunked else None

    def decode(self) -> None:
        """Undo the body's Content-Encoding as it is read, for a client that does not get to see that field."""
        self._decoding = "content-encoding" in self._response.headers

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body's pieces as they come. Raises UpstreamError and UpstreamTimeoutError."""
        held, self._held = self._held, []
        yield from held
        while piece := self._read():
            yield piece

    def hold(self, most: int = BLOCK) -> bytes | None:
        """Return the whole body if it is small and comes without a pause; else None: iterate over it then.

        Small is at most ``most`` bytes. So what is small is known to be complete before any of it is passed on.
        Raises as iterating does.
        """
        length = self._response.length_remaining
        if length is not None and length > most:
            return None
        size = 0
        while size <= most:
            piece = self._read()
            if not piece:
                return b"".join(self._held)
            self._held.append(piece)
            size += len(piece)
            if length is None and self._pauses():
                break
        return None

    def read_all(self, most: int) -> bytes:
        """Return the whole body. Raises UpstreamError; TooLongError if it has more than ``most`` bytes."""
        body = b""
        for piece in self:
            body += piece
            if len(body) > most:
                self.close()
                raise TooLongError("the answer is too long")
        return body

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
        if not self._ended:
            self._ended = True
            self._response.close()

    def _read(self) -> bytes:
        if self._ended:
            return b""
        if monotonic() > self._deadline:
            self.close()
            raise UpstreamTimeoutError("the exchange took too long")
        # More than is left is never asked for: what follows on the connection is no part of this response.
        left = self._response.length_remaining
        with errors_told():
            piece = self._response.read1(min(BLOCK, left) if left else BLOCK, decode_content=self._decoding)
        self._ended = not piece
        return piece

    def _pauses(self) -> bool:
        """Tell whether the upstream has sent nothing more, and neither ends nor goes on within the pause."""
        connection = cast("KeptConnection | None", self._response.connection)
        original = self._response._original_response
        if connection is None or connection.received_on is None or original is None or original.closed:
            return False  # it was read to its end
        source = connection.received_on
        before = source.gettimeout()
        source.settimeout(0)
        try:
            # What came with the last bytes: the line end of a chunk is no beginning of the next one.
            if original.fp.peek(1).strip(b"\r\n"):
                return False
        except OSError:
            pass  # TLS tells by an error that there is nothing more
        finally:
            source.settimeout(before)
        return not wait_for_read(source, PAUSE)
