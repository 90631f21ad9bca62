"""The framing of a response (RFC 9112 6): by its length if that is known, else by chunks (HTTP/1.1), else by the end.

What the application declared is kept: a longer body is cut, a shorter one ends the connection, so that the client sees that
something is missing.
"""

from __future__ import annotations

from mooring.http.request import Request
from mooring.http.response_head import Head, date_line

LAST_CHUNK = b"0\r\n\r\n"
BODILESS = (204, 304)
"""Statuses without a body (RFC 9110 15.3.5, 15.4.5); 1xx is refused."""


class ResponseFraming:
    """Head and framing of the response to one request. Who sends it inherits this: one object less for each request.

    ``bodiless``: no client reads a body. ``by_close``: nothing but the connection's end marks the end of the body. ``cut``:
    bytes beyond the declared length, which are not sent. ``keep``: whether the connection stays, once the head is made.
    ``sent``: bytes of the body so far. Who inherits it sets ``_head``.
    """

    __slots__ = (
        "_chunked",
        "_head",
        "_is_11",
        "_length",
        "_to_head",
        "bodiless",
        "by_close",
        "cut",
        "head_sent",
        "keep",
        "sent",
    )

    def __init__(self, request: Request) -> None:
        self._is_11 = request.is_11
        to_head = self._to_head = request.method == "HEAD"
        self._head: Head | None = None
        self._length: int | None = None
        self._chunked = False
        self.bodiless = to_head
        self.by_close = False
        self.head_sent = False
        self.keep = False
        self.cut = 0
        self.sent = 0

    @property
    def status(self) -> int:
        """The status that was or will be sent; 0 before there is a head."""
        return self._head.status if self._head else 0

    @property
    def needs_no_part(self) -> bool:
        """Whether the head says already that no part of the body will be sent."""
        head = self._head
        return head is not None and (self._to_head or head.status in BODILESS or head.length == 0)

    @property
    def is_complete(self) -> bool:
        """Whether the client has all that it will get."""
        return self.bodiless if self._length is None else self.bodiless or self.sent >= self._length

    def start(self, known: int | None, *, may_keep: bool) -> bytes:
        """Return the bytes of the head, after which it counts as sent.

        ``known``: the length of the body, if it is; ``may_keep``: whether the connection could stay.
        """
        head = self._head
        if head is None:
            raise AssertionError("the application sent a body before it called start_response (PEP 3333)")
        length = known if head.length is None else head.length
        if head.status in BODILESS:
            self.bodiless = True
            # RFC 9110 8.6: none with 204; with 304 that of the response it stands for, which we do not know
            length = None if head.status == 204 else head.length
        elif self._to_head and not length:
            length = None  # what a GET would have brought is not known: better no length than a wrong one
        text = head.lines
        if length is not None:
            text += b"Content-Length: %d\r\n" % length
        elif not self.bodiless and self._is_11:
            self._chunked = True
            text += b"Transfer-Encoding: chunked\r\n"
        if not head.has_date:
            text += date_line()
        self._length = length
        self.head_sent = True
        self.by_close = length is None and not self._chunked and not self.bodiless
        self.keep = may_keep and not (self.by_close or head.closes)
        if head.upgrades:
            text += b"Connection: Upgrade\r\n\r\n" if self.keep else b"Connection: close, Upgrade\r\n\r\n"
            return text
        if not self.keep:
            return text + b"Connection: close\r\n\r\n"
        return text + (b"\r\n" if self._is_11 else b"Connection: keep-alive\r\n\r\n")

    def fit(self, data: bytes) -> bytes:
        """Return what of a part of the body goes out, and count it; the rest is beyond the length, or for nobody."""
        if self.bodiless:
            return b""
        length = self._length
        if length is not None and self.sent + len(data) > length:
            fitting = data[: length - self.sent]
            self.cut += len(data) - len(fitting)
            data = fitting
        self.sent += len(data)
        return data
