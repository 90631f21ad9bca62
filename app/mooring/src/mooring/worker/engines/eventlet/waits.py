"""Waits of one descriptor on the hub, until a deadline.

From its first wait on, the reading side stays registered with the hub, so that a kept-alive request costs one
epoll_wait and no epoll_ctl. If something arrives that nobody waits for (the next request while the application
still runs), the registration is taken back until the next wait, or epoll would report it for ever.
"""

from __future__ import annotations

import time
from typing import Any

from greenlet import getcurrent

from mooring.worker.engines.eventlet import base
from mooring.worker.engines.eventlet.deadlines import NEVER, Deadlines
from mooring.worker.engines.eventlet.hub import running_loop
from mooring.worker.pace import Pace
from mooring.worker.transport import ExpiredError, GoneError


class DescriptorWaits:
    """A method that has to wait switches to the hub: only the calling green thread waits.

    Deadlines are moments of time.monotonic(). A wait raises ExpiredError at its deadline, and GoneError when the descriptor
    has been closed by somebody else.
    """

    __slots__ = ("_deadlines", "_hub", "_listener", "_stretch", "_waiter", "deadline", "descriptor")

    def __init__(self, descriptor: int, deadlines: Deadlines) -> None:
        self.descriptor = descriptor
        self.deadline = NEVER
        self._deadlines = deadlines
        self._hub = base.hub()
        self._hub.mark_as_reopened(descriptor)
        self._listener: Any = None
        self._waiter: Any = None
        self._stretch = 0

    def expire(self) -> None:
        """End the present wait by ExpiredError. To be called on the hub."""
        self.deadline = NEVER
        if self._waiter is not None:
            self._waiter.throw(ExpiredError)

    def _wait_readable(self, deadline: float) -> None:
        if self._listener is None:
            hub = self._hub
            self._listener = hub.add(hub.READ, self.descriptor, self._on_readable, self._on_obsolete, None)
        self._wait(deadline)

    def _wait_writable(self, deadline: float) -> None:
        hub = self._hub
        waiter = getcurrent()
        listener = hub.add(hub.WRITE, self.descriptor, waiter.switch, waiter.throw, None)
        self._forget()  # whatever arrives meanwhile can wait
        try:
            self._wait(deadline)
        finally:
            hub.remove(listener)

    def _wait_writable_paced(self, pace: Pace, progress: int) -> None:
        start = time.monotonic()
        self._wait_writable(start + pace.left)
        pace.account(time.monotonic() - start, progress)

    def _wait(self, deadline: float) -> None:
        self._stretch = 0
        waiter = self._waiter = getcurrent()
        self.deadline = deadline
        if deadline < self._deadlines.next:
            self._deadlines.at_latest(deadline)
        hub = self._hub
        try:
            # Hub.switch also adopts greenlets that an application has made by itself, which ours and Eventlet's need not
            if waiter.parent is hub.greenlet and running_loop() is None:
                hub.greenlet.switch()
            else:
                hub.switch()
        finally:
            self._waiter = None
            self.deadline = NEVER

    def _on_readable(self, _: int) -> None:
        if self._listener is None:
            return  # taken back since epoll reported it
        if self._waiter is None:
            self._forget()
        else:
            self._waiter.switch()

    def _on_obsolete(self, error: BaseException) -> None:
        """Take it that the descriptor has been closed under the hub (by the application, say)."""
        self._listener = None
        if self._waiter is not None:
            self._waiter.throw(GoneError(str(error)))

    def _forget(self) -> None:
        if self._listener is not None:
            listener, self._listener = self._listener, None
            self._hub.remove(listener)
