"""The head of a response: what the application gave to start_response, checked and turned into bytes.

Refused (HeadersError, so that the application's own code shows in the traceback): what could make one response two
(control characters), and lengths that contradict.

Fields that belong to the server alone (hop-by-hop, PEP 3333) are dropped, as gunicorn drops them.
``Connection: close`` ends the connection after the response. ``Upgrade`` stays where a client has to see it: in a 426, or
for websocket. Of several Date or Server fields the first counts.
"""

from __future__ import annotations

import re
import time
from typing import Any

from mooring.http.errors import HeadersError

HOP_BY_HOP = frozenset(
    # RFC 9110 7.6.1 and RFC 2616 13.5.1; PEP 3333: "applications are forbidden to use" them
    (
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
    )
)

_STATUS = re.compile(r"([2-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
MAX_DIGITS = 18
"""Digits of the longest body that anybody could have."""

_PLAIN, _CONTENT_LENGTH, _DATE, _SERVER, _CONNECTION, _UPGRADE, _DROPPED = range(7)
_KINDS = {
    **dict.fromkeys(HOP_BY_HOP, _DROPPED),
    "content-length": _CONTENT_LENGTH,
    "date": _DATE,
    "server": _SERVER,
    "connection": _CONNECTION,
    "upgrade": _UPGRADE,
}
MAX_CACHED = 1024


class Head:
    """Status and fields of a response as the application wants them.

    ``lines`` is the encoded status line and fields without Content-Length, ``length`` the body's length as the
    application declared it, or None. ``closes``: it asks for the connection's end; ``upgrades``: it has an Upgrade field;
    ``dropped``: names of its hop-by-hop fields, which are not sent.
    """

    __slots__ = ("closes", "dropped", "has_date", "has_server", "length", "lines", "status", "upgrades")

    def __init__(self, status: str, fields: list[tuple[str, str]]) -> None:
        self.status = _STATUSES.get(status) or _check_status(status)
        self.length: int | None = None
        self.dropped: tuple[str, ...] = ()
        self.closes = self.has_date = self.has_server = self.upgrades = False
        text = f"HTTP/1.1 {status}{' ' if len(status) == 3 else ''}\r\n"  # RFC 9112 4: the space stays
        for name, value in fields:
            kind = _NAMES.get(name)
            if kind is None:
                kind = _check_name(name)
            if type(value) is not str or not (value.isascii() and value.isprintable()):
                _check_value(name, value)
            if not kind or self._keeps(name, kind, value):
                text += f"{name}: {value}\r\n"
        self.lines = text.encode("latin-1")

    def _keeps(self, name: str, kind: int, value: str) -> bool:
        """Take note of a field that means something to the server; return whether it goes out as it is."""
        if kind == _CONTENT_LENGTH:
            self._declare(value.strip(" \t"))
        elif kind == _CONNECTION:
            self.closes |= "close" in [option.strip(" \t") for option in value.lower().split(",")]
        elif kind == _UPGRADE and (self.status == 426 or value.lower() == "websocket"):
            self.upgrades = True
            return True
        elif kind == _DATE and not self.has_date:
            self.has_date = True
            return True
        elif kind == _SERVER and not self.has_server:
            self.has_server = True
            return True
        elif kind == _DROPPED:
            self.dropped += (name,)
        return False

    def _declare(self, value: str) -> None:
        if not (value.isdigit() and value.isascii() and len(value) <= MAX_DIGITS):
            raise HeadersError(f"Content-Length is {value!r}, not a number")
        length = int(value)
        if self.length not in (None, length):
            raise HeadersError(f"Content-Length is given as {self.length} and as {length}")
        self.length = length


def checked_head(status: str, fields: list[tuple[str, str]]) -> Head:
    """Return the Head of these. Raises HeadersError.

    An application gives many responses the same head, so heads are remembered for a while: they are not changed once
    they are made.
    """
    if type(fields) is not list:
        return Head(status, fields)
    key = (status, *fields)
    try:
        head = _HEADS.get(key)
    except TypeError:  # a field that is no tuple of strings: unhashable
        return Head(status, fields)
    if head is None:
        head = Head(status, fields)
        if len(head.lines) <= MAX_REMEMBERED_HEAD:
            if len(_HEADS) >= MAX_REMEMBERED:
                _HEADS.clear()
            _HEADS[key] = head
    return head


MAX_REMEMBERED = 256
MAX_REMEMBERED_HEAD = 2048
"""Most heads that are remembered, and their largest in bytes."""

_HEADS: dict[tuple[Any, ...], Head] = {}
_STATUSES: dict[str, int] = {}
_NAMES: dict[str, int] = {}


def _check_status(status: Any) -> int:
    if not isinstance(status, str):
        raise HeadersError(f"the status is {type(status).__name__}, not str (PEP 3333)")
    matched = _STATUS.fullmatch(status)
    if matched is None:
        raise HeadersError(
            f"the status {status[:100]!r} is not a code from 200 to 999, a space and a reason without control characters"
            " (RFC 9112 4)"
        )
    code = int(matched.group(1))
    if len(_STATUSES) < MAX_CACHED:
        _STATUSES[status] = code
    return code


def _check_name(name: Any) -> int:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise HeadersError(f"the field name {str(name)[:100]!r} is not a token (RFC 9110 5.1)")
    kind = _KINDS.get(name.lower(), _PLAIN)
    if len(_NAMES) < MAX_CACHED:
        _NAMES[name] = kind
    return kind


def _check_value(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise HeadersError(f"the value of {name} is {type(value).__name__}, not str (PEP 3333)")
    if not _VALUE.fullmatch(value):
        raise HeadersError(
            f"the value of {name} has control characters or some beyond latin-1 (RFC 9110 5.5, PEP 3333)"
        )


class _Clock:
    """The Date field, made once per second."""

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = _imf_fixdate(second)
        return self._line


def _imf_fixdate(second: int) -> bytes:
    """Return the Date line (RFC 9110 6.6.1, 5.6.7), in English whatever the locale."""
    year, month, day, hour, minute, sec, weekday = time.gmtime(second)[:7]
    name = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[weekday]
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    text = f"Date: {name}, {day:02d} {months[month - 1]} {year:04d} {hour:02d}:{minute:02d}:{sec:02d} GMT\r\n"
    return text.encode("ascii")


date_line = _Clock().line
