"""When the next request is due: at once after the last (closed loop), or by the clock (open loop)."""

from __future__ import annotations

import asyncio


class Budget:
    """The end of the run: a number of requests, a stop, whichever comes first."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most_requests: int) -> None:
        self._loop = loop
        self._left = most_requests
        self._sleepers: set[asyncio.Future[None]] = set()
        self.stopped = False

    def take(self) -> bool:
        """Take one request from the budget; False if the run is over."""
        if self.stopped or self._left <= 0:
            return False
        self._left -= 1
        return True

    def stop(self) -> None:
        """Let requests in flight come to their end, and begin no other. Wakes who waits for his turn."""
        self.stopped = True
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    async def wait_until(self, when: float) -> bool:
        """Wait until this time of the loop's clock; False if the run was stopped meanwhile."""
        if when > self._loop.time() and not self.stopped:
            sleeper = self._loop.create_future()
            timer = self._loop.call_at(when, _wake, sleeper)
            self._sleepers.add(sleeper)
            await sleeper
            self._sleepers.discard(sleeper)
            timer.cancel()
        return not self.stopped


class ClosedLoop:
    """A client sends its next request as soon as it has its last answer, or after a pause (seconds)."""

    def __init__(self, budget: Budget, loop: asyncio.AbstractEventLoop, pause: float) -> None:
        self._budget = budget
        self._loop = loop
        self._pause = pause

    async def next(self) -> float | None:
        """Wait for the next turn; return the intended time (of the loop's clock), None at the end."""
        return self._loop.time() if self._budget.take() else None

    async def rest(self) -> None:
        """Pause after a request."""
        if self._pause:
            await self._budget.wait_until(self._loop.time() + self._pause)


class OpenLoop:
    """Requests are due at a fixed rate, whatever the server does.

    A request that finds no free client waits, and its latency counts from the time when it was due, so that a
    stall shows in all the requests that it delays and not in one per client (no coordinated omission).
    """

    def __init__(self, budget: Budget, loop: asyncio.AbstractEventLoop, start: float, rate: float) -> None:
        self._budget = budget
        self._loop = loop
        self._start = start
        self._rate = rate
        self._turns = 0

    async def next(self) -> float | None:
        """Wait for the next turn; return the intended time (of the loop's clock), None at the end.

        Where a client was free when the request was due, that is the time when it is sent: the timer's own
        lateness (epoll counts in milliseconds) is not the server's.
        """
        if not self._budget.take():
            return None
        due = self._start + self._turns / self._rate
        self._turns += 1
        if due < self._loop.time():
            return due
        return self._loop.time() if await self._budget.wait_until(due) else None

    async def rest(self) -> None:
        """Return at once: the clock says when the next request is due."""


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
