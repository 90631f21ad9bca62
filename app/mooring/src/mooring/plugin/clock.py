"""Supervisord's clock: the monotonic one.

Stock supervisord measures by the wall clock how long a process has run and how long a stop may take. When that
clock is moved forward in the middle of a drain (NTP, an administrator, a resumed virtual machine), stopwaitsecs seem
to be over at once, and the draining workers are killed with what they have in flight.
"""

from __future__ import annotations

import time
from typing import Any


class SteadyTime:
    """Stands in for the module `time` in supervisor's modules.

    `time()` is the wall clock of the start plus the seconds since, by CLOCK_MONOTONIC (clock_gettime(2)); all
    else is the module's own.
    """

    def __init__(self) -> None:
        self._start = time.time() - time.monotonic()

    def time(self) -> float:
        """Return seconds since the epoch; no change of the wall clock moves it."""
        return self._start + time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
