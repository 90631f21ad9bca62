"""Fair shares: each worker of an instance sees how many connections the others hold, and lets them go first.

Whoever wakes first takes a connection from the shared socket, and it tends to be the same worker each time; kept
connections then pile up there. So each worker writes its number of open connections into one small file that all
of them map into memory, and one that holds clearly more than another hesitates before it accepts. If the other does
not come (it is busy, stopped, or dead), it takes the connection after all, and does not wait for that other again
until it sees it accept something.
"""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path

from mooring.casts import COLOURS

SLOTS = 256
"""Workers that the file has room for, of both colours; others neither show up nor hesitate."""

SLACK = 8
"""Connections that a worker may hold more than another before it hesitates; and a sixteenth of its own."""

PATIENCE = 40
"""How often in a row the same others are waited for. With the loop's pause between, that is 40 to 80 ms."""

LOOK_AROUND = 1.0
"""Seconds for which the list of the others is good."""

_SIZE = SLOTS * 2 * 8


class Balance:
    """One worker's view of the file. Two cells of 64 bits per worker: open connections + 1 (0: none), accepted."""

    def __init__(self, path: Path, colour: str, number: int) -> None:
        """Map the file, making it if need be. Raises OSError (a full disk, say)."""
        self._slot = number * 2 + COLOURS.index(colour)
        self._ignored: dict[int, int] = {}
        self._awaited: dict[int, int] = {}
        self._passes = 0
        self._others: list[int] = []
        self._looked = 0.0
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(
                descriptor, 0, _SIZE
            )  # with a hole in it, a full disk would be SIGBUS (mmap(2))
            self._cells = memoryview(mmap.mmap(descriptor, _SIZE)).cast("Q")
        finally:
            os.close(descriptor)
        if self._slot >= SLOTS:
            raise OSError(f"worker {number} has no place among {SLOTS // 2} of a colour")

    def publish(self, held: int, accepted: int) -> None:
        """Let the others know how many connections are open here, and how many were ever accepted."""
        self._cells[self._slot] = held + 1
        self._cells[SLOTS + self._slot] = accepted

    def leave(self) -> None:
        """Take no more part: nobody is to wait for this worker."""
        self._cells[self._slot] = 0

    def hesitates(self, held: int) -> bool:
        """Tell whether another should have the next connection; ask again a moment later if so."""
        limit = held - SLACK - held // 16
        lower = self._lower(limit) if limit > 0 else None
        if not lower:
            return False
        if lower != self._awaited:
            self._awaited = lower
            self._passes = 0
        self._passes += 1
        if self._passes <= PATIENCE:
            return True
        self._ignored.update(lower)
        return False

    def _lower(self, limit: int) -> dict[int, int]:
        """Return who holds less than ``limit`` and is not ignored: slots, and what each had accepted so far."""
        now = time.monotonic()
        if now - self._looked > LOOK_AROUND:
            self._looked = now
            held = self._cells[:SLOTS].tolist()
            self._others = [slot for slot, cell in enumerate(held) if cell and slot != self._slot]
        cells, ignored = self._cells, self._ignored
        return {
            slot: cells[SLOTS + slot]
            for slot in self._others
            if 0 < cells[slot] <= limit and ignored.get(slot) != cells[SLOTS + slot]
        }
