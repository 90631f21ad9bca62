"""Undoing a body's Content-Encoding (RFC 9110, section 8.4.1) piece by piece, in bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from multicloud.core.upstream import UpstreamError

BLOCK = 65536
"""Most bytes that a piece has after decoding, however well it was compressed."""

_GZIP = 16 + zlib.MAX_WBITS
_NAMES = frozenset({"gzip", "x-gzip", "deflate"})


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Return the pieces decoded; as they are where a coding is not known. Raises UpstreamError for broken data."""
    codings = [coding.strip().lower() for coding in encoding.split(",")]
    if not _NAMES.issuperset(codings):
        return iter(pieces)
    for coding in reversed(codings):
        pieces = _inflated(pieces, coding)
    return iter(pieces)


def _inflated(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    decoder, complete = None, False
    for piece in pieces:
        data, more = piece, b""
        while data or len(more) == BLOCK:
            decoder = decoder or _decoder(coding, data)
            try:
                more = decoder.decompress(data, BLOCK)
            except zlib.error as error:
                if complete:
                    return  # after a whole body: padding, not another member
                raise UpstreamError("the answer's body is not encoded as it says") from error
            if more:
                yield more
            data = decoder.unconsumed_tail
            if decoder.eof:  # gzip may have several members (RFC 1952, section 2.2)
                data, more, decoder, complete = decoder.unused_data, b"", None, True
    if decoder is not None and not complete:
        raise UpstreamError("the answer's body ends before its encoding does")


def _decoder(coding: str, data: bytes) -> zlib._Decompress:
    """Return a decoder for data that begin so. Some servers send deflate without zlib's header (RFC 1950)."""
    if coding != "deflate":
        return zlib.decompressobj(_GZIP)
    return zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS)
