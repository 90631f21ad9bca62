"""The lines of the phases: on a terminal one that counts the seconds, elsewhere plain lines."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable

from mooring_output.phases import WHAT
from mooring_output.text import names, plain, span

FIRST = 15
"""Seconds after which a phase that lasts is told of where there is no terminal; then after twice as many, and so on."""


class Screen:
    """Shows which phase is under way; `say` prints a line that stays.

    A thread counts the seconds. It writes to the file descriptor itself and holds no lock that a forked process would need.
    """

    def __init__(self, say: Callable[[str], None], descriptor: int, terminal: bool) -> None:
        self._say = say
        self._descriptor = descriptor
        self._terminal = terminal
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.phase, self.hosts, self._task = "", "", ""
        self._since, self._silent = 0.0, float(FIRST)

    def begin(self, phase: str, hosts: list[str], several: bool) -> None:
        """Go on to a phase, or with it on other hosts; nothing when that is the one under way."""
        where = names(hosts)
        if (phase, where) == (self.phase, self.hosts):
            return
        self.finish()
        self.phase, self.hosts = phase, where
        self._since, self._silent = time.monotonic(), float(FIRST)
        self._head = f"{phase:<10} {where if several else WHAT.get(phase, where)}"
        if not self._terminal:
            self._say(self._head)
        if self._thread is None:
            self._thread = threading.Thread(target=self._count, daemon=True)
            self._thread.start()

    def task(self, name: str) -> None:
        """Name what is under way."""
        self._task = plain(name)

    def finish(self) -> None:
        """End the phase: on a terminal its line stays, with the time that it has taken."""
        if self._terminal and self.phase:
            self.erase()
            self._say(f"{self._head}  {span(time.monotonic() - self._since)}")
        self.phase = self.hosts = self._task = ""

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self.erase()
        self._say(text)

    def erase(self) -> None:
        """Take the line of the phase away, for another to be printed."""
        if self._terminal and self.phase:
            self._write("\r\x1b[K")

    def close(self) -> None:
        """End the phase and the counting."""
        self.finish()
        self._ended.set()

    def _count(self) -> None:
        while not self._ended.wait(1):
            self.tick(time.monotonic())

    def tick(self, now: float) -> None:
        """Show that something happens."""
        phase, task = self.phase, self._task
        if not phase:
            return
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            text = f"{self._head}  {span(now - self._since)}  {task}"[:width]
            self._write(f"\r\x1b[K{text}\r")  # the cursor at its beginning: what others print covers it
        elif now - self._since >= self._silent:
            self._silent *= 2
            self._write(f"{phase:<10} … {span(now - self._since)} so far: {task}\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a closed terminal ends the run by itself, not by this
            os.write(self._descriptor, text.encode(errors="replace"))
