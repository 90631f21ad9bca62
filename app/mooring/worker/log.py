"""Standard output and standard error that never stop the worker.

Both are pipes to supervisord. If it stalls, a pipe fills; if its disk is full, a file refuses: a plain write would
then stop the hub, and with it every client. Here a write that cannot go on is dropped and counted, and the first
line that gets through again says how many are missing.

A pipe's descriptor is asked by poll(2) before each write instead of being made non-blocking: that flag would be
shared with every process that holds the same pipe. A pipe that polls as writable takes PIPE_BUF bytes at once.
"""

from __future__ import annotations

import io
import json
import sys
import time
import traceback
from typing import Any

from mooring.worker.engine import raw_os, raw_select

PIPE_BUF = 4096


class SteadyStream(io.TextIOBase):
    """A text stream onto a descriptor; writes are dropped and counted rather than waited for."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._poll = raw_select.poll()
        self._poll.register(descriptor, raw_select.POLLOUT)
        self._missing = 0
        self.dropped = 0

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8; what it cannot hold (lone surrogates) is written as an escape."""
        return "utf-8"

    def fileno(self) -> int:
        """Return the descriptor, for faulthandler and child processes."""
        return self._descriptor

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Tell whether a terminal is behind it."""
        return bool(raw_os.isatty(self._descriptor))

    def write(self, text: str) -> int:
        """Write at once or not at all (a text longer than PIPE_BUF bytes may be cut); never block."""
        data = text.encode("utf-8", "backslashreplace")
        if self._missing and data:
            data = b"[%d writes were dropped: nobody took them]\n" % self._missing + data
        view = memoryview(data)
        while view:
            if not self._may_write():
                self._missing += 1
                self.dropped += 1
                return len(text)
            try:
                view = view[raw_os.write(self._descriptor, view[:PIPE_BUF]) :]
            except OSError:  # the disk is full, or the reader is gone: nobody is left to be told
                self._missing += 1
                self.dropped += 1
                return len(text)
            self._missing = 0
        return len(text)

    def _may_write(self) -> bool:
        return any(events & raw_select.POLLOUT for _, events in self._poll.poll(0))


def install() -> tuple[SteadyStream, SteadyStream]:
    """Put steady streams in the place of ``sys.stdout`` and ``sys.stderr``, and return both."""
    output, errors = SteadyStream(1), SteadyStream(2)
    sys.stdout = sys.__stdout__ = output  # type: ignore[misc, assignment]
    sys.stderr = sys.__stderr__ = errors  # type: ignore[misc, assignment]
    return output, errors


def event(what: str, **fields: Any) -> None:
    """Write one line of JSON. Its strings are escaped by JSON, so that nobody can forge a line."""
    moment = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"
    sys.stderr.write(json.dumps({"time": stamp, "event": what, **fields}, default=str) + "\n")


def failure(where: str, error: BaseException, **fields: Any) -> None:
    """Write a line of JSON for an exception, and its traceback below, each line behind a bar.

    What a client sent may stand in an exception's text, line breaks included: behind the bar it cannot pass for a
    line of this log.
    """
    event("error", where=where, error=f"{type(error).__name__}: {error}", **fields)
    lines = "".join(traceback.format_exception(error)).splitlines()
    sys.stderr.write("".join("  | " + _escaped(line) + "\n" for line in lines))


def _escaped(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def words(text: str) -> None:
    """Write one plain line for people: why the worker does not start, or ends."""
    sys.stderr.write("mooring worker: " + _escaped(text) + "\n")
