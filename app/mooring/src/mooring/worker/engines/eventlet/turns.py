"""Loops over what an application yields: others get their turn, and nothing is asked for that nobody will read.

A response is over for its client when its length is reached. The application is then asked once more, as a generator may
have work to do behind its last part; it has AFTERWARDS seconds for that. A part that comes after all, or the time, ends it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from greenlet import getcurrent

from mooring.worker.engines.eventlet import base
from mooring.worker.transport import EnoughError

AFTERWARDS = 2.0
"""Seconds that an application has for what nobody will read."""

LOOK = 0.5
"""Seconds between two looks who is over that time."""

SPELL = 0.01
"""Seconds that a loop goes on without letting others have their turn."""


def take_turn(ends: float) -> float:
    """Let others have their turn if the present one is over; return when the next ends. The first ``ends`` is 0."""
    now = time.monotonic()
    if now < ends:
        return ends
    if ends:
        base.yield_turn()
        now = time.monotonic()
    return now + SPELL


def ask_briefly(parts: Iterator[bytes]) -> bytes:
    """Return the next part that is not empty; nothing at the end, or when it does not come within AFTERWARDS."""
    _limit.enter()
    try:
        ends = 0.0
        for part in parts:
            if part:
                return part
            ends = take_turn(ends)
    except EnoughError:
        return b""
    finally:
        _limit.leave()
    return b""


class _Limit:
    """Throws EnoughError into green threads that have been in it for AFTERWARDS: by one timer, since most leave at once."""

    def __init__(self) -> None:
        self._since: dict[Any, float] = {}
        self._is_watched = False

    def enter(self) -> None:
        self._since[getcurrent()] = time.monotonic()
        if not self._is_watched:
            self._is_watched = True
            base.hub().schedule_call_global(LOOK, self._look)

    def leave(self) -> None:
        self._since.pop(getcurrent(), None)

    def _look(self) -> None:
        now = time.monotonic()
        for thread, since in list(self._since.items()):
            if now - since >= AFTERWARDS and thread in self._since:
                thread.throw(EnoughError)  # again at the next look, if the application goes on all the same
        self._is_watched = bool(self._since)
        if self._is_watched:
            base.hub().schedule_call_global(LOOK, self._look)


_limit = _Limit()
