"""The worker's hub: Eventlet's on epoll, with what an application needs that was not written for green threads.

asyncio allows one running event loop for each thread of the operating system, and all green threads share one. So a green
thread that waits while its loop runs takes the loop along, and has it back when it goes on: each green thread has a loop of
its own, as each real thread would. Others neither find a loop running (Django would refuse to let them use a database), nor
are kept from running theirs.
"""

from __future__ import annotations

import asyncio
from typing import Any

from eventlet.hubs import epolls

running_loop = asyncio._get_running_loop
set_running_loop = asyncio._set_running_loop
swap_task: Any = getattr(asyncio.tasks, "_swap_current_task", None)
"""Python 3.12 and newer keep the running task in one place for each thread, too."""

PEEKS = "eventlet.green.select"
"""Module of the callbacks by which select(2) waits: it looks whether there is something, and reads nothing."""


class Hub(epolls.Hub):  # type: ignore[misc] # eventlet has no types
    """Waits on epoll. Beside one reader of a descriptor, any number may wait by select (multiprocessing.Pool does)."""

    def switch(self) -> Any:
        """Wait on the hub; the event loop that runs in this green thread does not run meanwhile."""
        loop = running_loop()
        if loop is None:
            return super().switch()
        task = swap_task(loop, None) if swap_task else None
        set_running_loop(None)
        try:
            return super().switch()
        finally:
            set_running_loop(loop)
            if task is not None:
                swap_task(loop, task)

    @staticmethod
    def is_available() -> bool:
        """Return True: Eventlet asks each hub."""
        return True

    def add(self, evtype: Any, fileno: int, cb: Any, tb: Any, mac: Any) -> Any:
        """Have ``cb`` called when the descriptor is ready. RuntimeError for two readers or two writers."""
        there = self.listeners[evtype].get(fileno)
        if there is None or (_module(cb) != PEEKS and _module(there.cb) != PEEKS):
            return super().add(evtype, fileno, cb, tb, mac)
        listener = self.lclass(evtype, fileno, cb, tb, mac)
        self.secondaries[evtype].setdefault(fileno, []).append(listener)
        return listener


def _module(callback: Any) -> Any:
    return getattr(callback, "__module__", None)
