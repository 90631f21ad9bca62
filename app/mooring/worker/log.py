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


class SteadyStream(io.RawIOBase):
    """A descriptor to write to; what cannot be written at once is dropped and counted rather than waited for."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._poll = raw_select.poll()
        self._poll.register(descriptor, raw_select.POLLOUT)
        self._missing = 0
        self.dropped = 0

    def fileno(self) -> int:
        """Return the descriptor, for faulthandler and child processes."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether a terminal is behind it."""
        return bool(raw_os.isatty(self._descriptor))

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Write at once or not at all (more than PIPE_BUF bytes may be cut); never block, never raise."""
        size = len(data)
        if self._missing and size:
            data = b"[%d writes were dropped: nobody took them]\n" % self._missing + bytes(data)
        view = memoryview(data)
        while view:
            try:
                written = raw_os.write(self._descriptor, view[:PIPE_BUF]) if self._may_write() else 0
            except OSError:  # the disk is full, or the reader is gone: nobody is left to be told
                written = 0
            if not written:
                self._missing += 1
                self.dropped += 1
                break
            self._missing = 0
            view = view[written:]
        return size

    def _may_write(self) -> bool:
        return any(events & raw_select.POLLOUT for _, events in self._poll.poll(0))


def install() -> SteadyStream:
    """Put steady streams in the place of ``sys.stdout`` and ``sys.stderr``; return that of standard error."""
    output, errors = SteadyStream(1), SteadyStream(2)
    sys.stdout = sys.__stdout__ = _text(output)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(errors)  # type: ignore[misc]
    return errors


def _text(stream: SteadyStream) -> io.TextIOWrapper:
    """Return a text stream on it: each line leaves whole, what UTF-8 cannot hold as an escape."""
    return io.TextIOWrapper(stream, "utf-8", "backslashreplace", line_buffering=True)  # type: ignore[arg-type]


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
