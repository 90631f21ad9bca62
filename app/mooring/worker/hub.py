"""The worker's hub: Eventlet's on epoll, with what an application needs that was not written for green threads."""

from __future__ import annotations

from typing import Any

from eventlet.hubs import epolls

PEEKS = "eventlet.green.select"
"""Module of the callbacks by which select(2) waits: it looks whether there is something, and reads nothing."""


class Hub(epolls.Hub):  # type: ignore[misc] # eventlet has no types
    """Waits on epoll. Beside one reader of a descriptor, any number may wait by select (multiprocessing.Pool does)."""

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
