"""Green threads that are used again: making one for each connection costs more than many a request.

(CPython gives each a stack of its own by mmap(2) and takes it back by munmap(2) at its end.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from mooring.worker import log
from mooring.worker.engines.eventlet import base

SPARE = 100
"""Most green threads that are kept for the next task."""


class GreenThreads:
    """Runs tasks, each in a green thread of its own until it returns. Tasks must not raise."""

    def __init__(self) -> None:
        self._hub = base.hub()
        self._spare: list[Any] = []

    def run(self, task: Callable[[], None]) -> None:
        """Run the task until it waits for the first time. To be called on the hub."""
        thread = self._spare.pop() if self._spare else greenlet(self._work, self._hub.greenlet)
        thread.switch(task)

    def _work(self, task: Callable[[], None]) -> None:
        me = getcurrent()
        while True:
            task()
            if len(self._spare) >= SPARE:
                return
            self._spare.append(me)
            next_task = self._next_task(me)
            if next_task is None:
                return
            task = next_task

    def _next_task(self, me: Any) -> Callable[[], None] | None:
        """Wait for another task; None when the thread is to end.

        Timers that an application has left behind may wake us, or throw into us. Neither is a task.
        """
        try:
            while True:
                task: Any = self._hub.greenlet.switch()
                if callable(task):
                    return task  # type: ignore[no-any-return]
        except BaseException as error:  # noqa: BLE001 - whatever was thrown, the hub must not get it
            self._spare.remove(me)
            if not isinstance(error, GreenletExit):
                log.event("stray", problem=f"{error!r} was thrown into a green thread that has nothing to do")
            return None
