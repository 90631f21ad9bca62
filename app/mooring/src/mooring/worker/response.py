"""The response to one request: start_response, write, and the framing of the body (PEP 3333, RFC 9112 6).

A body is framed by its length if that is known, else by chunks (HTTP/1.1), else by the end of the connection. Head
and body leave in one send where both are known. What the application declared is kept: a longer body is cut, a
shorter one ends the connection, so that the client sees that something is missing; both are logged. What no client will
read (HEAD, 204, 304, beyond the length) is not asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from mooring.http.framing import LAST_CHUNK, ResponseFraming
from mooring.http.request import Request
from mooring.http.response_head import checked_head
from mooring.settings import Settings
from mooring.worker import failures, log
from mooring.worker.file_bodies import SMALL, FileWrapper, plain_file
from mooring.worker.pace import Pace
from mooring.worker.transport import EnoughError, GoneError, Transport

JOIN = 65536
"""Bodies up to this size, in bytes, are copied behind their head to leave in one send."""

PART = 4096
"""Bytes that a part counts at least, where a green thread's turn is measured."""

DROPPED_MOST = 16 << 20
"""Bytes that write() drops before it ends the application: it goes on for nobody."""

_logged: set[str] = set()
"""Hop-by-hop fields that the log has told of."""


class Response(ResponseFraming):
    """What is sent for one request.

    ``may_keep`` is called when the head leaves, and tells whether the connection could stay. ``over``: nothing more may be
    written. ``torn``: a send has been left before its end, so nothing that follows can be told from the body.
    """

    __slots__ = ("_dropped", "_may_keep", "_pace", "_settings", "_transport", "over", "torn")

    def __init__(
        self,
        transport: Transport,
        settings: Settings,
        request: Request,
        may_keep: Callable[[], bool],
    ) -> None:
        super().__init__(request)
        self._transport = transport
        self._settings = settings
        self._may_keep = may_keep
        self._pace: Pace | None = None
        self._dropped = 0
        self.over = False
        self.torn = False

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Take status and fields (PEP 3333). Raises HeadersError when they cannot be sent."""
        if exc_info:
            failures.note(exc_info[1], "application", answered=status)
            try:
                if self.head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no circle through the traceback
        elif self._head is not None:
            raise AssertionError("start_response was called a second time without exc_info (PEP 3333)")
        head = self._head = checked_head(status, headers)
        if head.dropped:
            _log_dropped(head.dropped)
        return self.write

    def write(self, data: bytes) -> None:
        """Send a part of the body now, after the head if that has not left yet.

        Raises EnoughError in an application that goes on when the response has long been over, and ValueError after its end:
        the connection may have another response then.
        """
        if self.over:
            raise ValueError("write() was called after the end of the response")
        if not isinstance(data, bytes):
            raise TypeError(f"a part of the body is {type(data).__name__}, not bytes (PEP 3333)")
        if data:
            self._write(data)
        self._transport.be_fair(max(len(data), PART))
        if self._dropped > DROPPED_MOST:
            raise EnoughError

    def _write(self, data: bytes) -> None:
        lead = b"" if self.head_sent else self.start(None, may_keep=self._may_keep())
        given = len(data)
        data = self.fit(data)
        if self._chunked:
            self._send(b"%b%x\r\n%b\r\n" % (lead, len(data), data))
        else:
            self._send_joined(lead, data)
        if len(data) < given:
            self._dropped += given

    def send_all(self, result: Iterable[bytes]) -> None:
        """Send what the application returned, to its end, or until the response is over."""
        kind = type(result)
        if (kind is list or kind is tuple) and not self.head_sent:
            parts: Sequence[bytes] = result  # type: ignore[assignment]
            self._send_whole(parts[0] if len(parts) == 1 else b"".join(parts))
            return
        if kind is not FileWrapper or not self._send_file(result):  # type: ignore[arg-type]
            self._send_parts(iter(result))
        self.finish()

    def finish(self) -> None:
        """Send what ends the body; check its length."""
        self.over = True
        if not self.head_sent:
            self._send(self.start(0, may_keep=self._may_keep()))
        elif self._chunked:
            self._send(LAST_CHUNK)
        if self.cut or self.sent != self._length:
            self._check_length()

    def _send_parts(self, parts: Iterator[bytes]) -> None:
        """Send part by part. The first may still change the head of a response without a body, if it comes soon."""
        if not self.head_sent and self.needs_no_part:
            self.write(self._transport.ask_briefly(parts))
            return
        if not self.head_sent or not self.is_complete:
            ends = 0.0
            for part in parts:
                self.write(part)
                if self.head_sent:
                    if self.is_complete:
                        break
                elif self.needs_no_part:  # a generator has called start_response just now
                    self.write(self._transport.ask_briefly(parts))
                    return
                ends = self._transport.take_turn(ends)
            else:
                return
        if not (self.bodiless or self.cut):
            self.cut = len(self._transport.ask_briefly(parts))

    def _send_whole(self, body: bytes) -> None:
        """Send a body of which all is there: its length is known without the application's help."""
        if not isinstance(body, bytes):
            raise TypeError(f"a part of the body is {type(body).__name__}, not bytes (PEP 3333)")
        self.over = True
        lead = self.start(len(body), may_keep=self._may_keep())
        if self.bodiless:
            self._send(lead)
            return
        length = self._length or 0
        if len(body) > length:
            self.cut = len(body) - length
            body = body[:length]
        self.sent = len(body)
        self._send_joined(lead, body)
        if self.cut or self.sent < length:
            self._check_length()

    def _send_joined(self, lead: bytes, data: bytes) -> None:
        if len(data) <= JOIN:
            self._send(lead + data)
        else:
            self._send(lead)
            self._send(data)

    def _send_file(self, wrapper: FileWrapper) -> bool:
        """Send a regular file without reading it part by part, if that is what it is; return whether it was.

        PEP 3333: from where it stands to its end, or as many bytes as the application has declared.
        """
        head = self._head
        plain = None if self.head_sent or head is None else plain_file(wrapper.filelike)
        if plain is None or head is None:
            return False
        descriptor, offset, size = plain
        declared, there = head.length, size - offset
        if there <= 0:
            return False  # at its end; or its size says nothing
        if there <= SMALL and (declared is None or declared <= SMALL):
            self._send_small(wrapper, declared)
            return True
        try:
            own = os.dup(
                descriptor
            )  # the application may close its own meanwhile, and another file get the number
        except OSError:
            return False
        try:
            self._send(self.start(there, may_keep=self._may_keep()))
            if not (self.bodiless or self._length is None):
                self.torn = True
                self.sent = self._transport.send_file(own, offset, self._length, self._patience())
                self.torn = False
        finally:
            os.close(own)
        return True

    def _send_small(self, wrapper: FileWrapper, declared: int | None) -> None:
        """Send a file that is read whole, or as far as is declared."""
        left = SMALL * 2 if declared is None else declared
        blocks = []
        while left > 0 and (block := wrapper.filelike.read(left)):
            blocks.append(block)
            left -= len(block)
        self._send_whole(b"".join(blocks))

    def _check_length(self) -> None:
        """Tell the log when the body is not as long as declared; keep no connection on which some is missing."""
        if self.cut:
            log.event("body_cut", declared=self._length, too_much=self.cut)
        elif self._length is not None and not self.bodiless:
            self.keep = False
            log.event("body_short", declared=self._length, sent=self.sent)

    def _send(self, data: bytes) -> None:
        if self.torn:
            raise GoneError("the response was left in the middle of a send")
        if data and (rest := self._transport.send_now(data)):
            self.torn = True
            self._transport.send(rest, self._patience())
            self.torn = False

    def _patience(self) -> Pace:
        if self._pace is None:
            self._pace = Pace(self._settings.write_timeout, self._settings.min_rate)
        return self._pace


def _log_dropped(names: tuple[str, ...]) -> None:
    """Tell the log of hop-by-hop fields of the application's that were not sent, once for each."""
    for name in names:
        if name.lower() not in _logged:
            _logged.add(name.lower())
            log.event(
                "field_dropped", field=name, problem="a hop-by-hop field is the server's alone (PEP 3333)"
            )
