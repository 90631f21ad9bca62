"""The bytes of a request's head: where it ends, and one that does not arrive in one piece, within its limits."""

from __future__ import annotations

from mooring.http.errors import RequestError
from mooring.http.grammar import SPOILT
from mooring.http.limits import Limits

END_OF_HEAD = b"\r\n\r\n"


def head_size(data: bytes, limits: Limits) -> int:
    """Return the bytes of the head that ``data`` begins with, if all of it is there; else 0: feed it to a PartialHead.

    Raises RequestError when it is over its limits.
    """
    end = data.find(END_OF_HEAD) + 4
    if end == 3 or data.startswith(b"\r\n"):
        return 0
    if end > limits.max_request_line:
        _check_size(data, end, limits)
    return end


class PartialHead:
    """Collects a head that arrives in pieces. Whatever can be told to be wrong before its end is refused at once."""

    __slots__ = ("_arrived", "_limits", "_may_skip", "_seen", "_size")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._arrived = bytearray()
        self._seen = 0
        self._may_skip = True
        self._size = 0

    def feed(self, data: bytes) -> bool:
        """Take what has arrived; return whether the head is complete. Raises RequestError."""
        arrived, seen = self._arrived, self._seen
        arrived += data
        if self._may_skip and len(arrived) >= 2:
            self._may_skip = False
            if arrived.startswith(b"\r\n"):
                del arrived[:2]  # one empty line before the request is ignored (RFC 9112 2.2)
        end = arrived.find(END_OF_HEAD, max(0, seen - 3)) + 4
        if end == 3 and arrived.startswith(b"\r\n"):
            end = 2  # an empty request line: refused as a head
        _check_size(arrived, len(arrived) if end == 3 else end, self._limits)
        if end != 3:
            self._size = end
            return True
        if SPOILT.search(arrived, max(0, seen - 1)):
            raise RequestError(400, "a control byte, a bare CR or a bare LF in the head (RFC 9112 2.2)")
        self._seen = len(arrived)
        return False

    def taken(self) -> tuple[bytes, int]:
        """Return all that has arrived, and how many bytes of it are the complete head."""
        return bytes(self._arrived), self._size


def _check_size(arrived: bytes | bytearray, size: int, limits: Limits) -> None:
    """Refuse (RequestError) a head, or the first ``size`` bytes of one, that is over its limits."""
    line = arrived.find(b"\r\n", 0, size)
    if (line if line >= 0 else size) > limits.max_request_line:
        raise RequestError(414, f"the request line has more than {limits.max_request_line} bytes")
    if size > limits.max_header_block:
        raise RequestError(431, f"the head has more than {limits.max_header_block} bytes")
