"""Sends requests, over a bounded pool of kept connections to each origin.

The other side may close a kept connection at any moment. Mostly that is noticed before the connection is used, and one
that has idled for a while is not used again. But the end may still be on its way when the next request leaves. So:

- GET and HEAD are sent once more, on a new connection, if a kept one ended before any byte of the response came.
- Other methods are never sent twice. They use a kept connection only when it has been quiet for a moment: servers that
  close after a response do it at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from math import inf
from pathlib import Path
from threading import Lock
from time import monotonic
from weakref import finalize

from multicloud.client.connection import Connection, connect
from multicloud.client.exceptions import RemoteDisconnectedError, TimeoutExpiredError
from multicloud.client.limits import PoolLimits, Timeout
from multicloud.client.pool import ConnectionPool
from multicloud.client.request import Origin, Request
from multicloud.client.response import Response

MAX_POOLS = 8
"""Origins that connections are kept to: the server's own, and others that redirects lead to."""

RETRIED = frozenset({"GET", "HEAD"})
"""Methods that are sent once more if a kept connection turns out to be closed: they change nothing."""


class PoolManager:
    """Sends requests to a server and whomever it redirects to. Safe to use from many threads at once."""

    def __init__(self, timeout: Timeout, limits: PoolLimits, *, ca_file: Path | None, verify: bool) -> None:
        """Verify certificates by the authorities of ``ca_file``, PEM (None: the system's), or not at all."""
        self._timeout = timeout
        self._limits = limits
        self._ca_file = ca_file
        self._verify = verify
        self._pools: OrderedDict[Origin, ConnectionPool] = OrderedDict()
        self._lock = Lock()
        finalize(self, _close, self._pools)

    def deadline(self, most: float = inf) -> float:
        """Return the moment (of time.monotonic) at which an exchange that begins now must have ended.

        It is at most ``most`` seconds away.
        """
        return monotonic() + min(most, self._timeout.total)

    def urlopen(self, request: Request, deadline: float) -> Response:
        """Send a request and return the response with its body unread; redirects are not followed.

        Raises HTTPError, and whatever the request's body raises.
        """
        origin = Origin.of(request.url)
        head, body = request.head(origin), request.body
        pool = self.pool(origin)
        retried = request.method in RETRIED
        if connection := pool.get(quiet=not retried or body is not None):
            try:
                return self._exchange(pool, connection, request, head, body, deadline)
            except RemoteDisconnectedError:
                if not retried:
                    raise
                if body is not None:
                    again = request.rewind()
                    if again is None:
                        raise
                    body = [again]
        left = deadline - monotonic()
        if left <= 0:
            raise TimeoutExpiredError("the exchange took too long")
        seconds = min(self._timeout.connect, left)
        connection = connect(origin, seconds, ca_file=self._ca_file, verify=self._verify)
        return self._exchange(pool, connection, request, head, body, deadline)

    def pool(self, origin: Origin) -> ConnectionPool:
        """Return the pool of an origin. The oldest pool is closed when there are more than MAX_POOLS."""
        pool = self._pools.get(origin)
        if pool is None:
            with self._lock:
                pool = self._pools.setdefault(origin, ConnectionPool(self._limits))
                if len(self._pools) > MAX_POOLS:
                    _, oldest = self._pools.popitem(last=False)
                    oldest.close()
        return pool

    def _exchange(  # noqa: PLR0913, PLR0917 - what an exchange is made of
        self,
        pool: ConnectionPool,
        connection: Connection,
        request: Request,
        head: bytes,
        body: Iterable[bytes] | None,
        deadline: float,
    ) -> Response:
        """Send a request on a connection and return the response with its body unread."""
        try:
            connection.begin(deadline, self._timeout.read)
            connection.send(head, body, chunked=request.chunked)
            found = connection.head(request.method)
        except BaseException:
            connection.close()
            raise
        return Response(found, connection, pool)


def _close(pools: Mapping[Origin, ConnectionPool]) -> None:
    for pool in pools.values():
        pool.close()
