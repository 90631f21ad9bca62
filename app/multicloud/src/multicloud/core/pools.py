"""Idle connections to A&AI and MSB, kept for the next request: a bounded number, for a bounded time."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from threading import Lock
from time import monotonic
from weakref import finalize

from multicloud.core.connections import Connection, Origin

QUIET = 0.25
"""Seconds without its end after which a kept connection is taken for one that the other side keeps as well."""

MOST_ORIGINS = 8
"""Origins that connections are kept to. A&AI and MSB are two; others come by redirects."""


class Pools:
    """The idle connections of a process, by origin. Safe to use from many threads at once."""

    def __init__(self, size: int, idle: float) -> None:
        """Keep at most ``size`` connections to each origin, none for longer than ``idle`` seconds.

        Servers close idle connections, and a request that crosses the close would fail: so they are given up first.
        """
        self._size = size
        self._idle = idle
        self._pools: OrderedDict[Origin, deque[Connection]] = OrderedDict()
        self._lock = Lock()
        finalize(self, _close, self._pools)

    def take(self, origin: Origin, *, quiet: bool = False) -> Connection | None:
        """Return the connection that was used last, if it is still fit for use.

        With ``quiet``: the one that was used first, if it has been idle for QUIET seconds. So many requests in a row
        take turns with a few connections, and none of them meets an end that is still on its way.
        """
        pool = self._pools.get(origin)
        while pool:
            try:
                connection = pool.popleft() if quiet else pool.pop()
            except IndexError:  # another thread took the last one
                break
            idle = monotonic() - connection.idle_since
            if quiet and idle < QUIET:
                pool.appendleft(connection)  # all others were used later
                break
            if idle < self._idle and connection.is_fit():
                return connection
            connection.close()
        return None

    def give(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection whose exchange has ended, or close it."""
        now = monotonic()
        pool = self._pool(origin)
        if not connection.reusable or not self._idle or len(pool) >= self._size:
            connection.close()
        else:
            connection.idle_since = now
            pool.append(connection)
        try:
            while pool and now - pool[0].idle_since >= self._idle:
                pool.popleft().close()
        except IndexError:
            pass  # another thread took it

    def _pool(self, origin: Origin) -> deque[Connection]:
        pool = self._pools.get(origin)
        if pool is None:
            with self._lock:
                pool = self._pools.setdefault(origin, deque())
                if len(self._pools) > MOST_ORIGINS:
                    _, oldest = self._pools.popitem(last=False)
                    _close({origin: oldest})
        return pool


def _close(pools: Mapping[Origin, deque[Connection]]) -> None:
    for pool in pools.values():
        while pool:
            pool.pop().close()
