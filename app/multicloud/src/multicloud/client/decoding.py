"""Undoing a body's Content-Encoding (RFC 9110, section 8.4.1) piece by piece, in bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from multicloud.client.exceptions import DecodeError, ResponseTooLargeError

BLOCK = 65536
"""Most bytes that a piece has after decoding, however well it was compressed."""

MAX_DECODED = 64 << 20
"""Bytes that a body may have after each of its codings: a kilobyte can decode to a gigabyte."""

MAX_CODINGS = 3
"""Codings of one body. Servers apply one, and a proxy before them maybe another."""

MEMBER = 1024
"""Bytes that a member of a gzip body counts at least: empty ones without end would decode to nothing at much expense."""

_GZIP = 16 + zlib.MAX_WBITS
_NAMES = frozenset({"gzip", "x-gzip", "deflate"})


def decode(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Return the pieces decoded; as they are where a coding is not known.

    Raises DecodeError for too many codings and, as the pieces are read, for broken data; ResponseTooLargeError for what
    gets longer than MAX_DECODED.
    """
    codings = [coding for each in encoding.split(",") if (coding := each.strip().lower())]
    if not _NAMES.issuperset(codings):
        return iter(pieces)
    if len(codings) > MAX_CODINGS:
        raise DecodeError(f"the answer's body has more than {MAX_CODINGS} content codings")
    for coding in reversed(codings):
        pieces = _inflated(pieces, coding)
    return iter(pieces)


def _inflated(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    decoder, complete, counted = None, False, 0
    for piece in pieces:
        data, more = piece, b""
        while data or len(more) == BLOCK:
            if decoder is None:
                decoder = _decoder(coding, data)
                counted += MEMBER
            try:
                more = decoder.decompress(data, BLOCK)
            except zlib.error as error:
                if complete:
                    return  # after a whole body: padding, not another member
                raise DecodeError("the answer's body is not encoded as it says") from error
            counted += len(more)
            if counted > MAX_DECODED:
                raise ResponseTooLargeError(f"the answer's body decodes to more than {MAX_DECODED >> 20} MiB")
            if more:
                yield more
            data = decoder.unconsumed_tail
            if decoder.eof:  # gzip may have several members (RFC 1952, section 2.2)
                data, more, decoder, complete = decoder.unused_data, b"", None, True
    if decoder is not None and not complete:
        raise DecodeError("the answer's body ends before its encoding does")


def _decoder(coding: str, data: bytes) -> zlib._Decompress:
    """Return a decoder for data that begin so. Some servers send deflate without zlib's header (RFC 1950)."""
    if coding != "deflate":
        return zlib.decompressobj(_GZIP)
    return zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS)
