"""Reading a head that does not arrive in one piece, within its limits and its deadline."""

from __future__ import annotations

from mooring.settings import Settings
from mooring.worker.grammar import SPOILT, RefusedError
from mooring.worker.transport import ExpiredError, Transport

END_OF_HEAD = b"\r\n\r\n"


def whole_head(transport: Transport, data: bytes, deadline: float, settings: Settings) -> tuple[bytes, int]:
    """Read on until the head that starts with ``data`` is complete; return what has arrived and where it ends.

    Whatever can be told to be wrong before the end is refused (RefusedError) at once, not at the deadline.
    """
    arrived = bytearray(data)
    seen = 0
    may_skip = True
    while True:
        if may_skip and len(arrived) >= 2:
            may_skip = False
            if arrived.startswith(b"\r\n"):
                del arrived[:2]  # one empty line before the request is ignored (RFC 9112 2.2)
        end = arrived.find(END_OF_HEAD, max(0, seen - 3)) + 4
        if end == 3 and arrived.startswith(b"\r\n"):
            end = 2  # an empty request line: refused as a head
        check_size(arrived, len(arrived) if end == 3 else end, settings)
        if end != 3:
            return bytes(arrived), end
        if SPOILT.search(arrived, max(0, seen - 1)):
            raise RefusedError(400, "a control byte, a bare CR or a bare LF in the head (RFC 9112 2.2)")
        seen = len(arrived)
        try:
            more = transport.recv_later(deadline)
        except ExpiredError:
            raise RefusedError(408, "the head took too long (MOORING_HEADER_TIMEOUT)") from None
        if not more:
            raise RefusedError(400, "the client closed within the head (RFC 9112 8)")
        arrived += more


def check_size(arrived: bytes | bytearray, size: int, settings: Settings) -> None:
    """Refuse (RefusedError) a head, or the first ``size`` bytes of one, that is over its limits."""
    line = arrived.find(b"\r\n", 0, size)
    if (line if line >= 0 else size) > settings.max_request_line:
        raise RefusedError(414, f"the request line has more than {settings.max_request_line} bytes")
    if size > settings.max_header_block:
        raise RefusedError(431, f"the head has more than {settings.max_header_block} bytes")
