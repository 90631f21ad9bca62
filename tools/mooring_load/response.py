"""Reads the responses of one connection with llhttp (httptools), and notes how far each has come."""

from __future__ import annotations

from typing import Final

import httptools

LONGEST_BODY: Final = 64 * 1024 * 1024


class ResponseReader:
    """The response that a connection waits for; `begin` makes it ready for the next one.

    `unasked` holds bytes that came behind a complete response. `holder` is the last value of the header
    that names the server's process.
    """

    def __init__(self, holder_header: str) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._holder_header = holder_header.lower().encode()
        self.holder: str | None = None
        self.unasked = b""
        self._chunks: list[bytes] = []
        self.status = 0
        self.size = 0
        self.received = False
        self.in_body = False
        self.framed = False
        self.complete = False
        self.keep = False
        self.malformed = ""

    def begin(self) -> None:
        """Forget the last response."""
        self._chunks = []
        self.status = self.size = 0
        self.received = self.in_body = self.framed = self.complete = self.keep = False

    @property
    def body(self) -> bytes:
        """Return the body, as far as it came."""
        return b"".join(self._chunks)

    def feed(self, data: bytes) -> None:
        """Take bytes off the connection; sets `malformed` if they are not HTTP."""
        self.received = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.malformed = "the server switched to another protocol unasked"
        except httptools.HttpParserError as error:
            if self.complete:
                self.unasked = self.unasked or data
            else:
                self.malformed = f"{error}: {data[:80]!r}"
        if self.size > LONGEST_BODY:
            self.malformed = f"the body is longer than {LONGEST_BODY} bytes"

    def end(self) -> None:
        """Take the connection's EOF: it completes a response without a length (RFC 9112 6.3, rule 8)."""
        if self.in_body and not self.framed:
            self.complete = True

    # --- what the parser calls

    def on_message_begin(self) -> None:
        """Note a second response that came right behind the first."""
        if self.complete:
            self.unasked = b"another response"

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note that the body has a length, and which process answers."""
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self.framed = True
        elif name == self._holder_header:
            self.holder = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note the status."""
        self.in_body = True
        self.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """Collect the body."""
        self.size += len(data)
        if self.size <= LONGEST_BODY:
            self._chunks.append(data)

    def on_message_complete(self) -> None:
        """End the response, but for an interim one (RFC 9110 15.2): the final one follows."""
        if 100 <= self.status < 200:
            self.in_body = self.framed = False
        elif not self.complete:
            self.complete = True
            self.keep = self._parser.should_keep_alive()
