"""The chunked transfer coding, decoded strictly (RFC 9112 7.1).

llhttp decodes it as well, but httptools neither says where in the bytes it was fed a message ended nor lets a body
wait for its reader; with both needed for pipelining and for bounded memory, this decoder is our own.
"""

from __future__ import annotations

import re
from typing import ClassVar

from mooring.http.errors import RequestError
from mooring.http.grammar import QUOTED, SPOILT, TOKEN, TRAILERS

MAX_LINE = 256
"""Longest chunk-size line with its extensions and its end, in bytes."""

MAX_EXTENSIONS = 16384
"""Most bytes that the extensions of one body may have in all."""

MAX_TRAILERS = 8192
"""Largest trailer section, in bytes."""

_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*)\r\n" % (TOKEN, TOKEN, QUOTED)
)

_SIZE, _DATA, _DATA_END, _TRAILERS, _DONE = range(5)


class ChunkedDecoder:
    """Takes the bytes of a body as they come, gives its content.

    ``done`` is true after the last chunk and its trailers (which are checked and dropped, RFC 9110 6.5.1); ``rest``
    holds the bytes that were fed and belong to what follows. ``missing``: how many bytes are to come is not known.
    """

    missing: ClassVar[None] = None

    __slots__ = ("_extensions", "_left", "_max_body", "_pending", "_state", "_total", "done", "rest")

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._state = _SIZE
        self._left = 0
        self._total = 0
        self._extensions = 0
        self._pending = b""
        self.done = False
        self.rest = b""

    def decode(self, data: bytes) -> bytes:
        """Return the content that these bytes complete. Raises RequestError when the coding is broken."""
        data = self._pending + data if self._pending else data
        content = []
        position = 0
        while True:
            if self._state == _DATA:
                piece = data[position : position + self._left]
                content.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._state = _DATA_END
            elif self._state == _SIZE:
                end = data.find(b"\n", position, position + MAX_LINE) + 1
                if not end:
                    if len(data) - position >= MAX_LINE:
                        raise RequestError(400, f"a chunk-size line has more than {MAX_LINE} bytes")
                    break
                self._start_chunk(data[position:end])
                position = end
            elif self._state == _DATA_END:
                terminator = data[position : position + 2]
                if terminator != b"\r\n":
                    if not b"\r\n".startswith(terminator):
                        raise RequestError(400, "a chunk is not followed by CRLF (RFC 9112 7.1)")
                    break
                position += 2
                self._state = _SIZE
            else:
                end = self._end_of_trailers(data, position)
                if not end:
                    break
                self._state = _DONE
                self.done = True
                self.rest = data[end:]
                position = len(data)
                break
        self._pending = data[position:]
        return b"".join(content)

    def _start_chunk(self, line: bytes) -> None:
        matched = _SIZE_LINE.fullmatch(line)
        if matched is None:
            raise RequestError(400, "a chunk-size line is malformed (RFC 9112 7.1)")
        self._extensions += len(matched.group(2))
        if self._extensions > MAX_EXTENSIONS:
            raise RequestError(
                400, f"chunk extensions have more than {MAX_EXTENSIONS} bytes (RFC 9112 7.1.1)"
            )
        self._left = int(matched.group(1), 16)
        self._total += self._left
        if self._max_body and self._total > self._max_body:
            raise RequestError(413, f"the body has more than {self._max_body} bytes")
        self._state = _DATA if self._left else _TRAILERS

    @staticmethod
    def _end_of_trailers(data: bytes, position: int) -> int:
        """Return where the trailer section ends, 0 when it does not yet."""
        if data.startswith(b"\r\n", position):
            return position + 2
        end = data.find(b"\r\n\r\n", position) + 4
        if (len(data) if end == 3 else end) - position > MAX_TRAILERS:
            raise RequestError(431, f"the trailers have more than {MAX_TRAILERS} bytes")
        if end == 3:
            if SPOILT.search(data, position):
                raise RequestError(400, "a trailer is malformed (RFC 9112 7.1.2)")
            return 0
        if not TRAILERS.fullmatch(data, position, end):
            raise RequestError(400, "a trailer is malformed (RFC 9112 7.1.2)")
        return end
