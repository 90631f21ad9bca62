"""Words of the bootstrap on standard error."""

from __future__ import annotations

from mooring import texts
from mooring.nonblocking import NonblockingWriter

STDERR = 2


def say(sentence: str) -> None:
    """Write one plain line, or drop it when nobody takes it: a supervisord that stalls must not stall the watchdog."""
    stderr = NonblockingWriter(STDERR)
    if stderr.may_write():
        stderr.write(f"mooring bootstrap: {texts.plain(sentence)}\n".encode("utf-8", "backslashreplace"))
