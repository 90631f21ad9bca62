"""Taking a chunked body apart (RFC 9112, section 7.1) by llhttp, within bounds of what stands around the chunks."""

from __future__ import annotations

import httptools

from multicloud.client.exceptions import ProtocolError
from multicloud.client.head import MAX_HEAD

OVERHEAD = 16
"""Bytes around the chunks of a body for each byte in them; a chunk of one byte takes five."""


class ChunkedDecoder:
    """Decodes a body. llhttp knows bodies only as parts of messages, so it gets a head first."""

    def __init__(self) -> None:
        self.ended = False
        """Whether the last chunk has come, and the trailers after it."""
        self.excess = False
        """Whether more has come after the end."""
        self._pieces: list[bytes] = []
        self._between = self._around = 0
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of a chunk (llhttp's callback)."""
        if not self.ended:
            self._pieces.append(piece)

    def on_message_begin(self) -> None:
        """Note that another message begins (llhttp's callback)."""
        self.excess = self.ended

    def on_message_complete(self) -> None:
        """Note that the body is complete (llhttp's callback)."""
        self.ended = True

    def decode(self, data: bytes) -> bytes:
        """Return what these bytes hold of the body. Raises ProtocolError."""
        self._pieces = []
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.ended:
                raise ProtocolError("the answer breaks HTTP (its chunks)") from error
            self.excess = True
        body = b"".join(self._pieces)
        self._between = 0 if body else self._between + len(data)
        self._around += len(data) - len(body) * (OVERHEAD + 1)
        if not self.ended and max(self._between, self._around) > MAX_HEAD:
            raise ProtocolError("the answer breaks HTTP (more around its chunks than in them)")
        return body
