"""Lines on standard output that never hold up a request, nor fail one."""

from __future__ import annotations

import io
import os
import stat


class LineWriter:
    """Writes whole lines, one write each, to a descriptor (by default standard output).

    A pipe whose reader has stopped would block the process, and with it every request. So the descriptor is
    opened again without blocking (a new description of the same pipe or terminal: nobody else's mode changes), and
    a line that finds no room, or meets any other error, is lost and counted. A write to a pipe is atomic up to
    4096 bytes (PIPE_BUF, pipe(7)), so lines of many processes do not mix.

    It is FileIO that writes: a server with green threads may have replaced os.write by one that waits for room.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self.lost = 0
        """Lines that could not be written, since the last one that could."""
        self._torn = False
        try:
            self._file: io.FileIO | None = io.FileIO(_without_blocking(descriptor), "w", closefd=False)
        except OSError:
            self._file = None  # there is no such descriptor: every line is lost, and counted

    def write(self, line: str) -> None:
        """Write one line; its line end is added."""
        data = (line + "\n").encode("utf-8", "backslashreplace")
        if self._torn:
            data = b"\n" + data
        try:
            written = self._file.write(data) if self._file else None
        except OSError:
            written = None
        if written is None:
            self.lost += 1
        else:
            self.lost = 0
            self._torn = written < len(data)  # a full disk takes a part


def _without_blocking(descriptor: int) -> int:
    """Return a descriptor of the same file that does not block. Raises OSError if there is none."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor  # a file does not block, and its position is shared with whoever else writes to it
    try:
        return os.open(
            f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        )
    except OSError:
        # A socket, or a pipe that another user made, cannot be opened again.
        os.set_blocking(descriptor, False)
        return descriptor
