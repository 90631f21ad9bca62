"""multiprocessing under green threads: its locks wait on the hub, not in C.

A lock of multiprocessing is a semaphore of the kernel's. To wait for it in C stops all green threads of the process, and
one of them may be who has to do something before another process gives the lock back (as in ``Pool.terminate``).
"""

from __future__ import annotations

import time
from multiprocessing import synchronize
from typing import Any

import eventlet
from eventlet import hubs

from mooring.worker import forks

PAUSES = (0.001, 0.02)
"""Shortest and longest pause between two looks at a lock that is taken, in seconds; it doubles."""


def install() -> None:
    """Have locks that are made from now on wait on the hub. To be called before the application is imported."""
    lock_class: Any = synchronize.SemLock
    lock_class._make_methods = _make_methods
    lock_class.__enter__ = lambda lock: lock.acquire()


def _make_methods(lock: Any) -> None:
    in_c = lock._semlock

    def acquire(block: bool = True, timeout: float | None = None) -> bool:
        if in_c.acquire(False):
            return True
        if not block:
            return False
        if forks.in_child and _is_alone():
            return bool(in_c.acquire(True, timeout))  # a child of a pool that is idle costs nothing so
        end = None if timeout is None else time.monotonic() + timeout
        pause = PAUSES[0]
        while end is None or time.monotonic() < end:
            eventlet.sleep(pause)
            if in_c.acquire(False):
                return True
            pause = min(pause * 2, PAUSES[1])
        return False

    lock.acquire, lock.release = acquire, in_c.release


def _is_alone() -> bool:
    """Tell whether no other green thread of this process waits for anything."""
    hub = hubs.get_hub()
    return not (hub.timers or hub.next_timers or any(hub.listeners.values()))
