"""The head of a response of A&AI or MSB: its status, its field lines, and how its body ends (RFC 9112, section 6.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from multicloud.core.upstream import UpstreamError

END = re.compile(rb"\r?\n\r?\n")
"""The end of a head. A line may end in LF alone (RFC 9112, section 2.2)."""

MOST_FIELDS = 100

_STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) ([0-9]{3})(?: .*)?", re.DOTALL)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}")
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})


@dataclass(frozen=True)
class Head:
    """A response without its body."""

    status: int
    fields: list[tuple[str, str]]
    length: int | None
    """The announced length of the body in bytes (for HEAD: of the one that GET would have), if there is one."""
    chunked: bool
    keep: bool
    """Whether the other side keeps the connection, if the body's end can be told without the connection's."""


def parse(head: bytes) -> Head:
    """Return what a head says, given up to its last line end. Raises UpstreamError where it breaks HTTP."""
    lines = head.decode("latin-1").split("\n")
    first = _STATUS_LINE.fullmatch(lines[0].rstrip("\r"))
    if first is None:
        raise UpstreamError("the answer is not HTTP")
    fields: list[tuple[str, str]] = []
    framing: dict[str, str] = {}
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and fields:  # obs-fold becomes a space (RFC 9112, section 5.2)
            name, value = fields.pop()
            value = f"{value} {line.strip()}".strip()
        else:
            name, colon, value = line.partition(":")
            value = value.strip()
            if not colon or not _NAME.fullmatch(name):
                raise UpstreamError("the answer breaks HTTP (a line of its head is no field)")
        fields.append((name, value))
        key = name.lower()
        if key in _FRAMING:
            framing[key] = f"{framing[key]},{value}" if key in framing else value
    if len(fields) > MOST_FIELDS:
        raise UpstreamError(f"the answer has more than {MOST_FIELDS} header fields")
    chunked = _is_chunked(framing.get("transfer-encoding"))
    length = None if chunked else _length(framing.get("content-length"))
    return Head(int(first[2]), fields, length, chunked, _keeps(first[1], framing.get("connection", "")))


def _is_chunked(codings: str | None) -> bool:
    if codings is None:
        return False
    if codings.lower() != "chunked":
        raise UpstreamError("the answer breaks HTTP (an unknown transfer coding)")
    return True


def _length(announced: str | None) -> int | None:
    """Return the announced length; the same one may be said more than once (RFC 9110, section 8.6)."""
    if announced is None:
        return None
    lengths = {part.strip() for part in announced.split(",")}
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise UpstreamError("the answer breaks HTTP (its Content-Length)")
    return int(length)


def _keeps(minor_version: str, connection: str) -> bool:
    """Tell whether the connection persists (RFC 9112, section 9.3)."""
    options = {option.strip().lower() for option in connection.split(",")} if connection else set()
    return "close" not in options and (minor_version != "0" or "keep-alive" in options)
