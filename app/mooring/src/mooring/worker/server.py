"""What every server of a worker has, whatever the engine: what its connections share, when it recycles, how it drains.

An engine's server accepts on the listening socket and runs the connections. They know it by this class alone, so that the
two do not import each other.
"""

from __future__ import annotations

import contextvars
import random
import socket
from abc import ABC, abstractmethod
from typing import Any

from mooring.http.environ import server_environ
from mooring.worker import log
from mooring.worker.application import WsgiApplication
from mooring.worker.body import spools
from mooring.worker.file_bodies import FileWrapper
from mooring.worker.prefix import below
from mooring.worker.state import DRAINING, State


class Watch:
    """What looks at the worker while it has requests, and sleeps while it has none. This one never has to be woken."""

    sleeps = False

    def wake(self) -> None:
        """Look from now on. To be called when ``sleeps`` is true."""


class Server(ABC):
    """Serves the application on the listener until it is drained.

    ``connections`` holds those that are open. ``context`` is what the application's context variables were after its
    import; each request starts from it.
    """

    def __init__(self, listener: Any, application: WsgiApplication, state: State, tls: Any) -> None:
        self.state = state
        self.settings = state.settings
        self.application = below(self.settings.url_prefix, application)
        self.spools_chunked_bodies = spools(application, self.settings)
        self.environ = server_environ(listener.getsockname(), socket.gethostname(), FileWrapper)
        self.tls = tls
        self.draining = False
        self.context = contextvars.copy_context()
        self.connections: dict[Any, Any] = {}
        self.watch = Watch()
        self._last_request = 0
        if self.settings.max_requests:
            jitter = self.settings.max_requests * self.settings.max_requests_jitter // 100
            self._last_request = self.settings.max_requests + random.randint(0, jitter)  # noqa: S311 - no secret

    @abstractmethod
    def serve(self) -> int:
        """Accept until drained; return the exit status: 0, or 1 if the drain had to cut something."""

    @abstractmethod
    def adopt(self, sock: Any) -> None:
        """Serve one connection that comes from this process itself."""

    @abstractmethod
    def closed(self, connection: Any) -> None:
        """Take note: a connection has ended."""

    @abstractmethod
    def count_jobs(self) -> None:
        """Take what the application starts from now on for a job, which the drain waits for."""

    @abstractmethod
    def _start_drain(self) -> None:
        """Stop accepting, have what is open end, and let ``serve`` return then, or after ``drain_timeout``."""

    def drain(self, why: str) -> None:
        """Stop accepting, finish what is in flight, then end; a second call changes nothing."""
        if self.draining:
            return
        self.draining = True
        self.state.phase = DRAINING
        log.event("drain", why=why, connections=len(self.connections), requests=self.state.counters.requests)
        self._start_drain()

    @property
    def keeps_connections(self) -> bool:
        """Whether a connection may be kept for another request: not in a drain, and not when all room is taken."""
        return (
            not self.draining
            and self.settings.keepalive_timeout > 0
            and len(self.connections) < self.settings.max_connections
        )

    def count_request(self) -> None:
        """Count a request; the last one before recycling starts the drain."""
        if self.watch.sleeps:
            self.watch.wake()
        counters = self.state.counters
        counters.requests += 1
        if counters.requests == self._last_request:
            self.drain("max_requests")

    def check_memory(self) -> None:
        """Start the drain if the worker has grown beyond ``max_memory``. To be called now and then while it is set."""
        if self.state.resident_bytes() > self.settings.max_memory << 20:
            self.drain("max_memory")

    def expects_proxy_header(self, address: Any) -> bool:
        """Tell whether the peer opens its connections with a PROXY protocol header."""
        if not self.settings.proxy_protocol:
            return False
        return (address[0] if isinstance(address, tuple) else "") in self.settings.trusted_proxies
