"""Words of the bootstrap on standard error."""

from __future__ import annotations

import os
import select

from mooring import texts

STDERR = 2
PIPE_BUF = 4096  # a pipe that polls as writable takes that many bytes at once: pipe(7)


def say(sentence: str) -> None:
    """Write one plain line, or drop it when nobody takes it: a supervisord that stalls must not stall the watchdog."""
    poll = select.poll()
    poll.register(STDERR, select.POLLOUT)
    if any(event & select.POLLOUT for _, event in poll.poll(0)):
        line = f"mooring bootstrap: {texts.plain(sentence)}\n".encode("utf-8", "backslashreplace")
        os.write(STDERR, line[:PIPE_BUF])
