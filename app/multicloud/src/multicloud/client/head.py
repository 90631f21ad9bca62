"""The head of a response: its status, its header lines, and how its body ends (RFC 9112, section 6.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from multicloud.client.exceptions import ProtocolError

END = re.compile(rb"\r?\n\r?\n")
"""The end of a head. A line may end in LF alone (RFC 9112, section 2.2)."""

MAX_HEAD = 65536
"""Bytes of a response that may come before its body, and between two pieces of a chunked one."""

MAX_HEADERS = 100
"""Header lines of a response."""

_STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) ([0-9]{3})(?: .*)?", re.DOTALL)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}")
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})


@dataclass(frozen=True)
class ResponseHead:
    """A response without its body."""

    status: int
    headers: list[tuple[str, str]]
    length: int | None
    """The announced length of the body in bytes (for HEAD: of the one that GET would have), if there is one."""
    chunked: bool
    keep: bool
    """Whether the other side keeps the connection, if the body's end can be told without the connection's."""


def parse(head: bytes) -> ResponseHead:
    """Return what a head says, given up to its last line end. Raises ProtocolError where it breaks HTTP."""
    lines = head.decode("latin-1").split("\n")
    first = _STATUS_LINE.fullmatch(lines[0].rstrip("\r"))
    if first is None:
        raise ProtocolError("the answer is not HTTP")
    headers: list[tuple[str, str]] = []
    framing: dict[str, str] = {}
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and headers:  # obs-fold becomes a space (RFC 9112, section 5.2)
            name, value = headers.pop()
            value = f"{value} {line.strip()}".strip()
        else:
            name, colon, value = line.partition(":")
            value = value.strip()
            if not colon or not _NAME.fullmatch(name):
                raise ProtocolError("the answer breaks HTTP (a line of its head is no field)")
        headers.append((name, value))
        key = name.lower()
        if key in _FRAMING:
            framing[key] = f"{framing[key]},{value}" if key in framing else value
    if len(headers) > MAX_HEADERS:
        raise ProtocolError(f"the answer has more than {MAX_HEADERS} header fields")
    chunked = _is_chunked(framing.get("transfer-encoding"))
    length = None if chunked else _length(framing.get("content-length"))
    return ResponseHead(
        int(first[2]), headers, length, chunked, _keeps(first[1], framing.get("connection", ""))
    )


def _is_chunked(codings: str | None) -> bool:
    if codings is None:
        return False
    if codings.lower() != "chunked":
        raise ProtocolError("the answer breaks HTTP (an unknown transfer coding)")
    return True


def _length(announced: str | None) -> int | None:
    """Return the announced length; the same one may be said more than once (RFC 9110, section 8.6)."""
    if announced is None:
        return None
    lengths = {part.strip() for part in announced.split(",")}
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise ProtocolError("the answer breaks HTTP (its Content-Length)")
    return int(length)


def _keeps(minor_version: str, connection: str) -> bool:
    """Tell whether the connection persists (RFC 9112, section 9.3)."""
    options = {option.strip().lower() for option in connection.split(",")} if connection else set()
    return "close" not in options and (minor_version != "0" or "keep-alive" in options)
