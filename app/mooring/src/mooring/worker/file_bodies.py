"""``wsgi.file_wrapper`` (PEP 3333): a file as a response's body, with the bytes that iterating its ``read`` would give.

The kernel sends a file by itself only if reading it gives nothing else: Python's own classes of files over a regular file
with a size. Anything else is read by its own ``read``: what decompresses, ends at a range's end or only looks like a file has a
``fileno`` too. So are files whose size says nothing (/proc, /sys).
"""

from __future__ import annotations

import io
import os
import select
import stat
from collections.abc import Callable
from typing import Any

BLOCK = 65536
"""Bytes of a block, unless the application says."""

SMALL = 65536
"""Files up to this size, in bytes, are read: that is one call of the kernel less, and tells the true length."""

REPLACED = frozenset(("read", "tell", "fileno"))


def _wait_readable(file: Any) -> None:
    select.select([file], [], [])


class FileWrapper:
    """``wsgi.file_wrapper``: an open file as a response body. The server may send it without reading it."""

    wait_readable: Callable[[Any], None] = staticmethod(_wait_readable)
    """Waits until a pipe can be read; an engine may put another way of waiting in its place."""

    def __init__(self, filelike: Any, blksize: int = BLOCK) -> None:
        self.filelike = filelike
        self._size = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> FileWrapper:
        """Return itself. A pipe does not block from now on: others would have to wait with it."""
        if _is_pythons(self.filelike):
            descriptor = self.filelike.fileno()
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.set_blocking(descriptor, False)
        return self

    def __next__(self) -> bytes:
        """Return the next block, waiting for it if there is none yet (a pipe that does not block)."""
        while True:
            block: bytes | None = self.filelike.read(self._size)
            if block:
                return block
            if block is not None:
                raise StopIteration
            self.wait_readable(self.filelike)


def plain_file(filelike: Any) -> tuple[int, int, int] | None:
    """Return descriptor, offset and size in bytes of what is known to be a plain regular file; else None."""
    if not _is_pythons(filelike):
        return None
    try:
        if type(filelike) is io.BufferedRandom:
            filelike.flush()  # what is written is part of the file, as it is for read
        descriptor = filelike.fileno()
        facts = os.fstat(descriptor)
        return (descriptor, filelike.tell(), facts.st_size) if stat.S_ISREG(facts.st_mode) else None
    except (OSError, ValueError):
        return None


def _is_pythons(filelike: Any) -> bool:
    """Tell whether it is one of Python's own files, open for reading and as ``open`` made it."""
    kind = type(filelike)
    if kind is io.BufferedReader or kind is io.BufferedRandom:
        raw = filelike.raw
        if type(raw) is not io.FileIO or not REPLACED.isdisjoint(vars(raw)):
            return False
    elif kind is not io.FileIO:
        return False
    return REPLACED.isdisjoint(vars(filelike)) and not filelike.closed and filelike.readable()
