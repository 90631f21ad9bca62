"""The framing of a request's body (RFC 9112 6): which of the bytes that arrive are its content, and which come after it."""

from __future__ import annotations

from mooring.http.chunked import ChunkedDecoder
from mooring.http.request import CHUNKED


class LengthDecoder:
    """Takes the bytes of a body of known length as they come, gives its content; its attributes are ChunkedDecoder's."""

    __slots__ = ("done", "missing", "rest")

    def __init__(self, length: int) -> None:
        self.missing = length
        self.done = not length
        self.rest = b""

    def decode(self, data: bytes) -> bytes:
        """Return what of these bytes is the body's."""
        missing = self.missing = self.missing - len(data)
        if missing > 0:
            return data
        self.done = True
        if not missing:
            return data
        self.missing = 0
        self.rest = data[missing:]
        return data[:missing]


BodyDecoder = LengthDecoder | ChunkedDecoder


def body_decoder(length: int, max_body: int) -> BodyDecoder:
    """Return what decodes a body of that length, which may be CHUNKED; ``max_body`` in bytes, 0: no limit."""
    return ChunkedDecoder(max_body) if length == CHUNKED else LengthDecoder(length)
