"""Waiting for a condition: no test waits by the clock, and the deadline is only there to end a broken test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

DEADLINE = 60.0  # seconds; generous, as the machine may be busy

Result = TypeVar("Result")


def until(condition: Callable[[], Result], what: str, deadline: float = DEADLINE) -> Result:
    """Poll until the condition's result is true, and return it."""
    end = time.monotonic() + deadline
    while not (result := condition()):
        assert time.monotonic() < end, f"in vain, for {deadline:g} s: {what}"
        time.sleep(0.02)
    return result
