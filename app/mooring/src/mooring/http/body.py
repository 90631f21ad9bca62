"""A request's body of known length (RFC 9112 6.2): which of the bytes that arrive are its content, and which come after it."""

from __future__ import annotations


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
