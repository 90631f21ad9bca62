"""Writing to a pipe whose reader may have stopped, without ever being stopped by it.

A pipe's descriptor is asked by poll(2) before each write instead of being made non-blocking: that flag would be
shared with every process that holds the same pipe.
"""

from __future__ import annotations

import os
import select

PIPE_BUF = 4096
"""Bytes that a pipe which polls as writable takes at once: pipe(7)."""

# The originals: in a worker this is imported before anything is made cooperative
_poll, _write = select.poll, os.write


class NonblockingWriter:
    """Writes to a descriptor what it takes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._polling = _poll()
        self._polling.register(descriptor, select.POLLOUT)

    def may_write(self, milliseconds: int = 0) -> bool:
        """Tell whether a write would not block, waiting so long for room."""
        return any(events & select.POLLOUT for _, events in self._polling.poll(milliseconds))

    def write(self, data: bytes | memoryview) -> int:
        """Write at most PIPE_BUF bytes after ``may_write`` was true; return how many it took, 0 if it takes none any more."""
        try:
            return _write(self._descriptor, data[:PIPE_BUF])
        except OSError:  # the disk is full, or the reader is gone: nobody is left to be told
            return 0
