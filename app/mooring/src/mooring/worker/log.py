"""Standard output and standard error that do not stop the worker.

Both are pipes to supervisord. A pipe holds 64 KiB, so an application that prints much at once waits for its reader, as it
would anywhere, and loses nothing. A reader that takes nothing for PATIENCE (a supervisord that stalls) is not waited for
again until it has taken something: what cannot be written is dropped and counted, and the log says how much as soon as
there is room again. If the disk below is full, nothing is waited for at all.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
import traceback
from _thread import get_ident
from collections.abc import Callable
from typing import Any

from mooring import texts
from mooring.nonblocking import NonblockingWriter

NEWLINE = ord("\n")

PATIENCE = 500
"""Milliseconds for which one write waits for a reader that has taken all before."""

REPORT_AFTER = 0.25
"""Seconds between two looks whether the log has room for the count of what was dropped."""


CallLater = Callable[[float, Callable[[], object]], None]
"""How an engine has something called after so many seconds."""

_write = os.write  # the original: this is imported before anything is made cooperative


class SteadyStream(io.RawIOBase):
    """A descriptor to write to; what its reader does not take in time is dropped and counted."""

    def __init__(self, descriptor: int, call_later: CallLater) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._writer = NonblockingWriter(descriptor)
        self._call_later = call_later
        self._missing = 0
        self._stalls = False
        self._within_line = False
        self._thread = get_ident()
        self.dropped = 0

    def fileno(self) -> int:
        """Return the descriptor, for faulthandler and child processes."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether a terminal is behind it."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Write, waiting for a reader that takes it; never for another one, and never raise."""
        size = len(data)
        if not self._missing or self._report():
            view = memoryview(data)
            while view and (written := self._write_some(view)):
                view = view[written:]
            if not view:
                return size
        self._drop()
        return size

    def _write_some(self, view: Any) -> int:
        """Write what goes at once; 0 if nothing does."""
        writer = self._writer
        may_write = writer.may_write() or (not self._stalls and writer.may_write(PATIENCE))
        self._stalls = not may_write
        written = writer.write(view) if may_write else 0
        if written:
            self._within_line = view[written - 1] != NEWLINE
        return written

    def _drop(self) -> None:
        self._missing += 1
        self.dropped += 1
        if self._missing == 1 and get_ident() == self._thread:
            self._look_again()

    def _look_again(self) -> None:
        self._call_later(REPORT_AFTER, self._report_or_wait)

    def _report_or_wait(self) -> None:
        if self._missing and not self._report():
            self._look_again()

    def _report(self) -> bool:
        """Say how many writes are missing, if there is room now; return whether it is said."""
        report = b"[%d writes were dropped: nobody took them]\n" % self._missing
        if not self._writer.may_write() or not self._write_some(
            b"\n" + report if self._within_line else report
        ):
            return False
        self._missing = 0
        return True


def install(call_later: CallLater) -> SteadyStream:
    """Put steady streams in the place of ``sys.stdout`` and ``sys.stderr``; return that of standard error."""
    output, errors = SteadyStream(1, call_later), SteadyStream(2, call_later)
    sys.stdout = sys.__stdout__ = _text(output)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(errors)  # type: ignore[misc]
    return errors


def _text(stream: SteadyStream) -> io.TextIOWrapper:
    """Return a text stream on it: each line leaves whole, what UTF-8 cannot hold as an escape."""
    return io.TextIOWrapper(stream, "utf-8", "backslashreplace", line_buffering=True)  # type: ignore[arg-type]


def event(what: str, **fields: Any) -> None:
    """Write one line of JSON. Its strings are escaped by JSON, so that nobody can forge a line."""
    sys.stderr.write(_line(what, fields))


def _line(what: str, fields: dict[str, Any]) -> str:
    moment = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"
    return json.dumps({"time": stamp, "event": what, **fields}, default=str) + "\n"


def failure(where: str, error: BaseException, **fields: Any) -> None:
    """Write a line of JSON for an exception, and its traceback below, each line behind a bar.

    What a client sent may stand in an exception's text, line breaks included: behind the bar it cannot pass for a
    line of this log.
    """
    event("error", where=where, error=f"{type(error).__name__}: {error}", **fields)
    lines = "".join(traceback.format_exception(error)).splitlines()
    sys.stderr.write("".join("  | " + texts.plain(line) + "\n" for line in lines))


def from_a_thread(what: str, lines: list[str], **fields: Any) -> None:
    """Write an event and lines below it, from a real thread, past the streams: they are the main thread's."""
    text = _line(what, fields) + "".join("  | " + texts.plain(line) + "\n" for line in lines)
    data = memoryview(text.encode("utf-8", "backslashreplace"))
    try:
        while data:
            data = data[_write(2, data) :]
    except OSError:  # nobody is left to be told
        return


def words(text: str) -> None:
    """Write one plain line for people: why the worker does not start, or ends."""
    sys.stderr.write("mooring worker: " + texts.plain(text) + "\n")
