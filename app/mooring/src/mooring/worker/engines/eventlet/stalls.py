"""Tells where a worker stands while one of its green threads blocks all of them.

Green threads share one thread of the operating system. One that waits in C, for a lock of a database say, stops them all; if
the lock's holder is another green thread of the same process, neither goes on until the wait times out. That cannot be
solved here. It is logged: a real thread looks at the worker's own once a second, and when that has stood at one place for
STANDS seconds without computing, the log gets the stack of the green thread that blocks, and those of the other requests
in flight, the holder's among them.

The thread costs nothing while nothing is asked for: it sleeps until the next request comes.
"""

from __future__ import annotations

import sys
import time
import traceback
from _thread import (
    allocate_lock,
    get_ident,
    start_new_thread,
)  # the originals, from before anything is made cooperative
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from eventlet.hubs import epolls

from mooring.worker import log
from mooring.worker.server import Watch

LOOK = 1.0
"""Seconds between two looks."""

STANDS = 2
"""Looks at the same place after which it is logged."""

COMPUTES = 0.1
"""Share of the time from which on the worker is taken to compute rather than to wait."""

MOST = 5
"""Stacks of other requests that are shown."""

_sleep, _clock_id = time.sleep, time.pthread_getcpuclockid


class Stalls(Watch):
    """Watches the thread that makes it. ``others`` returns the green threads of requests in flight."""

    def __init__(self, others: Callable[[], Iterable[Any]]) -> None:
        self._others = others
        self._thread = get_ident()
        self._clock = _clock_id(self._thread)
        self._wake = allocate_lock()
        self._wake.acquire()
        self.sleeps = True
        self._started = False

    def wake(self) -> None:
        """Look from now on, until nothing happens any more. To be called when ``sleeps`` is true."""
        self.sleeps = False
        if not self._started:
            self._started = True
            start_new_thread(self._watch, ())
        else:
            self._wake.release()

    def _watch(self) -> None:
        """Look for ever; the body of the real thread."""
        before: tuple[Any, ...] = ()
        cpu, looks = 0.0, 0
        while True:
            _sleep(LOOK)
            now = time.clock_gettime(self._clock)
            frame = sys._current_frames().get(self._thread)
            if frame is None or frame.f_code is epolls.Hub.do_poll.__code__:
                del frame
                looks = 0
                if now - cpu < COMPUTES / 100:  # nothing has happened since
                    self.sleeps = True
                    self._wake.acquire()
                cpu = now
                continue
            place = (id(frame), frame.f_lasti)
            stands = place == before and now - cpu < COMPUTES * LOOK
            looks = looks + 1 if stands else 0
            before, cpu = place, now
            if looks == STANDS:
                self._report(frame)
            del frame

    def _report(self, frame: FrameType) -> None:
        lines = _stack(frame)
        waiting = [one.gr_frame for one in self._others() if getattr(one, "gr_frame", None) is not None]
        for other in waiting[:MOST]:
            lines += [
                "",
                "Another request in flight, which may hold what that one waits for:",
                *_stack(other),
            ]
        log.from_a_thread("blocked", lines, seconds=STANDS * LOOK, others=len(waiting))


def _stack(frame: FrameType) -> list[str]:
    stack = traceback.extract_stack(frame)
    return [f"{each.filename}, line {each.lineno}, in {each.name}: {each.line}" for each in stack]
