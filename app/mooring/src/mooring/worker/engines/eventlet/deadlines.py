"""Deadlines of all connections, watched by one timer.

A timer per wait would cost more than the wait. So each connection carries the moment at which its present wait is
over, and one sweep, scheduled for the earliest of them, ends those that are due.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Protocol

from mooring.worker.engines.eventlet import base

NEVER = math.inf

SPACING = 0.05
"""Least time between two sweeps, in seconds: deadlines are kept to this exactness."""


class Waiting(Protocol):
    """What can be waiting until a deadline (in seconds of time.monotonic)."""

    deadline: float

    def expire(self) -> None:
        """End the wait."""


class Deadlines:
    """Ends the waits of ``waiting`` (looked through at each sweep) when they are due."""

    def __init__(self, waiting: Iterable[Waiting]) -> None:
        self._waiting = waiting
        self._timer = None
        self.next = NEVER

    def at_latest(self, moment: float) -> None:
        """Have the next sweep no later than that moment. Call it when ``moment`` is before ``next``."""
        if self._timer is not None:
            self._timer.cancel()
        self.next = moment
        self._timer = base.hub().schedule_call_global(max(0.0, moment - time.monotonic()), self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        self.next = NEVER
        now = time.monotonic()
        earliest = NEVER
        for one in list(self._waiting):
            if one.deadline <= now:
                one.expire()
            elif one.deadline < earliest:
                earliest = one.deadline
        if earliest < self.next:
            self.at_latest(max(earliest, now + SPACING))
