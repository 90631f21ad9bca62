"""Idle connections to one origin, kept for the next request: a bounded number, for a bounded time."""

from __future__ import annotations

from collections import deque
from time import monotonic

from multicloud.client.connection import Connection
from multicloud.client.limits import PoolLimits

QUIET = 0.25
"""Seconds without its end after which a kept connection is taken for one that the other side keeps as well."""


class ConnectionPool:
    """The idle connections to one origin. Safe to use from many threads at once.

    Servers close idle connections, and a request that crosses the close would fail: so they are given up first.
    """

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._idle: deque[Connection] = deque()
        self._closed = False

    def get(self, *, quiet: bool = False) -> Connection | None:
        """Return the connection that was used last, if it is still fit for use.

        With ``quiet``: the one that was used first, if it has been idle for QUIET seconds. So many requests in a row
        take turns with a few connections, and none of them meets an end that is still on its way.
        """
        pool = self._idle
        while pool:
            try:
                connection = pool.popleft() if quiet else pool.pop()
            except IndexError:  # another thread took the last one
                break
            idle = monotonic() - connection.idle_since
            if quiet and idle < QUIET:
                pool.appendleft(connection)  # all others were used later
                break
            if idle < self._limits.idle and connection.is_fit():
                return connection
            connection.close()
        return None

    def put(self, connection: Connection) -> None:
        """Keep a connection whose exchange has ended, or close it."""
        now = monotonic()
        pool, limits = self._idle, self._limits
        if self._closed or not connection.reusable or not limits.idle or len(pool) >= limits.maxsize:
            connection.close()
        else:
            connection.idle_since = now
            pool.append(connection)
        try:
            while pool and now - pool[0].idle_since >= limits.idle:
                pool.popleft().close()
        except IndexError:
            pass  # another thread took it

    def close(self) -> None:
        """Close all connections: those that are idle now, the others when they are put back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
