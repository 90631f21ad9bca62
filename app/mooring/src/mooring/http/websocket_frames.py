"""Frames of a websocket (RFC 6455 5.2), as far as the worker has to know them: where one ends."""

from __future__ import annotations

CLOSE, PONG = 0x8, 0xA
END_OF_HEAD = b"\r\n\r\n"


class Frames:
    """Follows what a server sends: the head of its response, then frames (RFC 6455 5.2), which it does not mask."""

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._start = b""
        self._left = 0
        self.closed = False

    @property
    def between(self) -> bool:
        """Whether a frame of another sender may go in between now."""
        return self._head is None and not self._left and not self._start

    def feed(self, data: bytes) -> None:
        """Take what goes out."""
        if self._head is not None:
            self._head += data
            end = self._head.find(END_OF_HEAD)
            if end < 0:
                return
            data, self._head = self._head[end + 4 :], None
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            self._start += data[at : at + 1]
            at += 1
            self._left = self._length()

    def _length(self) -> int:
        """Return the length of the payload once the start of the frame is whole, and forget the start."""
        start = self._start
        if len(start) < 2:
            return 0
        length, size = start[1] & 127, {126: 4, 127: 10}.get(start[1] & 127, 2)
        if len(start) < size:
            return 0
        self.closed = self.closed or start[0] & 15 == CLOSE
        self._start = b""
        return int.from_bytes(start[2:size], "big") if size > 2 else length
