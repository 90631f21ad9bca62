"""The response to one request: start_response, write, and the framing of the body (PEP 3333, RFC 9112 6).

A body is framed by its length if that is known, else by chunks (HTTP/1.1), else by the end of the connection. Head
and body leave in one send where both are known. What the application declared is kept: a longer body is cut, a
shorter one ends the connection, so that the client sees that something is missing; both are logged.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import Any

from mooring.settings import Settings
from mooring.worker import log
from mooring.worker.deadlines import Pace
from mooring.worker.headers import Head, date_line
from mooring.worker.transport import Transport

JOIN = 65536
"""Bodies up to this size, in bytes, are copied behind their head to leave in one send."""

FILE_BLOCK = 65536


class FileWrapper:
    """``wsgi.file_wrapper``: an open file as a response body. The server may send it without reading it."""

    def __init__(self, filelike: Any, blksize: int = FILE_BLOCK) -> None:
        self.filelike = filelike
        self._size = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> FileWrapper:
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next block."""
        block: bytes = self.filelike.read(self._size)
        if not block:
            raise StopIteration
        return block


class Response:
    """What is sent for one request. ``may_keep`` is asked when the head leaves whether the connection stays."""

    __slots__ = (
        "_chunked",
        "_head",
        "_is_11",
        "_may_keep",
        "_pace",
        "_settings",
        "_to_head",
        "_transport",
        "bodiless",
        "cut",
        "head_sent",
        "keep",
        "sent",
    )

    def __init__(
        self,
        transport: Transport,
        settings: Settings,
        *,
        is_11: bool,
        to_head: bool,
        may_keep: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._is_11 = is_11
        self._to_head = to_head
        self._may_keep = may_keep
        self._pace: Pace | None = None
        self._head: Head | None = None
        self._chunked = False
        self.bodiless = to_head
        self.head_sent = False
        self.keep = False
        self.cut = 0
        self.sent = 0

    @property
    def status(self) -> int:
        """The status that was or will be sent; 0 before start_response."""
        return self._head.status if self._head else 0

    @property
    def by_close(self) -> bool:
        """Whether nothing but the connection's end marks the end of the body."""
        return self.head_sent and not (self._chunked or self.bodiless) and self._length() is None

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Take status and fields (PEP 3333). Raises HeadersError when they cannot be sent."""
        if exc_info:
            try:
                if self.head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no circle through the traceback
        elif self._head is not None:
            raise AssertionError("start_response was called a second time without exc_info (PEP 3333)")
        self._head = Head(status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        """Send a part of the body now, after the head if that has not left yet."""
        if not isinstance(data, bytes):
            raise TypeError(f"a part of the body is {type(data).__name__}, not bytes (PEP 3333)")
        if not data:
            return
        lead = b"" if self.head_sent else self._start(None)
        if self.bodiless:
            if lead:
                self._send(lead)
            return
        length = self._length()
        if length is not None and self.sent + len(data) > length:
            self.cut += self.sent + len(data) - length
            data = data[: length - self.sent]
        self.sent += len(data)
        if self._chunked:
            self._send(b"%b%x\r\n%b\r\n" % (lead, len(data), data))
        elif not lead:
            if data:
                self._send(data)
        elif len(data) <= JOIN:
            self._send(lead + data)
        else:
            self._send(lead)
            self._send(data)

    def send_all(self, result: Iterable[bytes]) -> None:
        """Send what the application returned, to its end."""
        kind = type(result)
        if kind is list or kind is tuple:
            self._send_parts(result)  # type: ignore[arg-type]
        elif kind is not FileWrapper or not self._send_file(result):  # type: ignore[arg-type]
            for part in result:
                self.write(part)
        self._finish()

    def _send_parts(self, parts: list[bytes] | tuple[bytes, ...]) -> None:
        """Send a body of which all parts are there: its length is known without the application's help."""
        if self.head_sent:
            for part in parts:
                self.write(part)
            return
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if not isinstance(body, bytes):
            raise TypeError(f"a part of the body is {type(body).__name__}, not bytes (PEP 3333)")
        if not body:
            return
        if self._length() is None:
            lead = self._start(len(body))
            self.sent = 0 if self.bodiless else len(body)
            if self.bodiless:
                self._send(lead)
            elif len(body) <= JOIN:
                self._send(lead + body)
            else:
                self._send(lead)
                self._send(body)
        else:
            self.write(body)

    def _send_file(self, wrapper: FileWrapper) -> bool:
        """Send a regular file by sendfile(2), if that is what it is; return whether it was."""
        if self._transport.is_tls or self.head_sent:
            return False
        try:
            descriptor = wrapper.filelike.fileno()
            facts = os.fstat(descriptor)
            offset = wrapper.filelike.tell()
        except (AttributeError, OSError, ValueError):
            return False
        if not stat.S_ISREG(facts.st_mode):
            return False
        there = max(0, facts.st_size - offset)
        length = self._length()
        if length is None:
            length = there
        elif there > length:
            self.cut += there - length
        self._send(self._start(length))
        if not self.bodiless:
            self.sent = self._transport.send_file(descriptor, offset, min(there, length), self._patience())
        return True

    def _finish(self) -> None:
        if not self.head_sent:
            self._send(self._start(0))
        elif self._chunked:
            self._send(b"0\r\n\r\n")
        length = self._length()
        if self.cut:
            log.event("body_cut", declared=length, too_much=self.cut)
        if length is not None and not self.bodiless and self.sent < length:
            self.keep = False
            log.event("body_short", declared=length, sent=self.sent)

    def _length(self) -> int | None:
        if self._head is None:
            raise AssertionError("the application sent a body before it called start_response (PEP 3333)")
        return self._head.length

    def _start(self, length: int | None) -> bytes:
        """Return the bytes of the head, settling how the body is framed; ``length``: what is known of it."""
        declared = self._length()
        head = self._head
        assert head is not None  # noqa: S101 - _length() has seen to it
        status = head.status
        lines = [head.lines]
        if status == 204:  # RFC 9110 8.6: no Content-Length either
            self.bodiless = True
        elif status == 304:
            self.bodiless = True
            length = declared
        elif declared is not None:
            length = declared
        elif self._to_head and not length:
            length = None  # what a GET would have brought is not known: better no length than a wrong one
        if length is not None and status != 204:
            lines.append(b"Content-Length: %d\r\n" % length)
            if declared is None:
                head.length = length
        elif not self.bodiless:
            self._chunked = self._is_11
        if not head.has_date:
            lines.append(date_line())
        if self._chunked:
            lines.append(b"Transfer-Encoding: chunked\r\n")
        framed = self._chunked or self.bodiless or length is not None
        self.keep = framed and self._may_keep()
        if not self.keep:
            lines.append(b"Connection: close\r\n\r\n")
        elif self._is_11:
            lines.append(b"\r\n")
        else:
            lines.append(b"Connection: keep-alive\r\n\r\n")
        self.head_sent = True
        return b"".join(lines)

    def _send(self, data: bytes) -> None:
        self._transport.send(data, self._patience())

    def _patience(self) -> Pace:
        if self._pace is None:
            self._pace = Pace(self._settings.write_timeout, self._settings.min_rate)
        return self._pace
