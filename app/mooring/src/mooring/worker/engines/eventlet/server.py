"""Accepting, and ending: the part of the worker that owns the listening socket.

The socket is shared by all workers, so its backlog is the one queue of all. In one turn of its hub a worker takes a
connection that stays (and a few more if it holds many already), or some that are over on the spot; it takes none
while it is full, and lets workers that hold fewer go first (``mooring.worker.balance``). A drain only closes this
process's descriptor: shutdown(2) would end the listening for every process.
"""

from __future__ import annotations

import errno
import time
from typing import Any

import eventlet
from eventlet.event import Event

from mooring.worker import forks, log
from mooring.worker.application import WsgiApplication
from mooring.worker.balance import Balance
from mooring.worker.engines.eventlet import base
from mooring.worker.engines.eventlet.connection import EventletConnection
from mooring.worker.engines.eventlet.deadlines import Deadlines
from mooring.worker.engines.eventlet.jobs import Jobs
from mooring.worker.engines.eventlet.pool import GreenThreads
from mooring.worker.engines.eventlet.stalls import Stalls
from mooring.worker.engines.eventlet.transport import EventletTransport
from mooring.worker.server import Server
from mooring.worker.state import State
from mooring.worker.stream import BUSY

HESITATION = 0.001
"""How long others are left a connection before it is looked for again, in seconds."""

ACCEPT_MOST = 4
"""Connections that are taken in one turn of the hub, if each was served and closed on the spot."""

HELD_FOR_ANOTHER = 16
"""Connections held for which one more that stays is taken in a turn: with hundreds that all speak, turns are long."""

ACCEPT_SPELL = 0.001
"""Seconds after which no further one is taken in the same turn."""

BACK_OFF = (0.02, 1.0)
"""Shortest and longest pause after accept failed, in seconds; it doubles from one to the other."""

MEMORY_EVERY = 2.0
"""Seconds between two looks at the resident memory."""

FAULTS_OF_ONE = (
    # accept(2), "Error handling": what was pending on the new connection; go on as if it had not been there
    errno.ECONNABORTED,
    errno.EPERM,
    errno.EPROTO,
    errno.ENOPROTOOPT,
    errno.EOPNOTSUPP,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENONET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
)

INET = (base.raw_socket.AF_INET, base.raw_socket.AF_INET6)


class EventletServer(Server):
    """Serves on the hub: a green thread for each connection."""

    def __init__(self, listener: Any, application: WsgiApplication, state: State, tls: Any) -> None:
        super().__init__(listener, application, state, tls)
        self._jobs = Jobs()
        self._listener = listener
        self._family = int(listener.family)
        self._listening: Any = None
        self._balance = self._join_others()
        self._back_off = BACK_OFF[0]
        self._deadlines = Deadlines(self.connections)
        self._done = Event()
        self._hub = base.hub()
        self.watch = Stalls(
            lambda: [one.thread for one in list(self.connections.values()) if one.phase == BUSY]
        )
        self._threads = GreenThreads()
        forks.on_child(self._forsake)

    def _join_others(self) -> Balance | None:
        path = self.settings.run_dir / f"{self.settings.instance}.load"
        try:
            return Balance(path, self.settings.colour, self.settings.number)
        except OSError as error:
            log.event("balance", problem=f"connections are not balanced: {path}: {error}")
            return None

    def _forsake(self) -> None:
        """In a forked child: close what is the parent's. No connection ends by that, for the parent holds it too."""
        self._listener.close()
        for transport in self.connections:
            transport.sock.close()

    def _publish(self) -> None:
        if self._balance:
            self._balance.publish(len(self.connections), self.state.counters.accepted)

    # Life

    def serve(self) -> int:
        """Accept until drained; return the exit status."""
        if not self.draining:
            self._listener.setblocking(False)
            if self._listener.family in INET:  # accepted sockets inherit it
                self._listener.setsockopt(base.raw_socket.IPPROTO_TCP, base.raw_socket.TCP_NODELAY, 1)
            if self.settings.max_memory:
                self._watch_memory()
            self._publish()
            self._listen()
        status: int = self._done.wait()
        return status

    def adopt(self, sock: Any) -> None:
        """Serve one connection that comes from this process itself."""
        self._hub.schedule_call_global(0, lambda: self._begin(sock, None, is_inside=True))

    def _start_drain(self) -> None:
        """Stop accepting, hurry those who idle, and cut what is open after ``drain_timeout``."""
        self._stop_listening()
        if self._balance:
            self._balance.leave()
            self._balance = None
        self._listener.close()
        self._hub.schedule_call_global(self.settings.drain_timeout, self._cut)
        if not self.connections:
            self._finish()
            return
        now = time.monotonic()
        earliest = min(connection.hurry(now) for connection in self.connections.values())
        if earliest < self._deadlines.next:
            self._deadlines.at_latest(earliest)

    def _finish(self) -> None:
        """All connections are over: end, once what the application has begun beside them is over as well."""
        if self._jobs.none:
            self._end(0)
            return
        if names := self._jobs.names():
            log.event("drain_jobs", jobs=names)
        eventlet.spawn(self._finish_jobs)

    def _finish_jobs(self) -> None:
        self._jobs.wait()
        self._end(0)

    def _cut(self) -> None:
        cut = {"connections": len(self.connections), "jobs": self._jobs.names()}
        log.event("drain_cut", **cut, after_seconds=self.settings.drain_timeout)
        self._end(1)

    def _end(self, status: int) -> None:
        if not self._done.ready():
            self._done.send(status)

    # Accepting

    def _listen(self) -> None:
        if self._listening is None and not self.draining:
            hub = self._hub
            self._listening = hub.add(
                hub.READ, self._listener.fileno(), self._on_acceptable, self._on_obsolete, None
            )

    def _stop_listening(self) -> None:
        if self._listening is not None:
            listening, self._listening = self._listening, None
            self._hub.remove(listening)

    def _pause(self, seconds: float) -> None:
        self._stop_listening()
        self._hub.schedule_call_global(seconds, self._resume)

    def _on_acceptable(self, _: int) -> None:
        if self._listening is None:
            return  # stopped since epoll reported it
        until = time.monotonic() + ACCEPT_SPELL
        held = len(self.connections)
        most = held + 1 + held // HELD_FOR_ANOTHER
        for _ in range(max(ACCEPT_MOST, most - held)):
            if self._balance and self._balance.hesitates(len(self.connections)):
                self._pause(HESITATION)
                return
            if not self._accept() or len(self.connections) >= most or time.monotonic() >= until:
                return  # nobody there, enough that stay, or others have waited long enough

    def _resume(self) -> None:
        if len(self.connections) < self.settings.max_connections:
            self._listen()

    def _accept(self) -> bool:
        """Take one connection, and serve it until it waits; return whether there was one."""
        try:
            sock, address = base.accept(self._listener, self._family)
        except BlockingIOError:
            return False  # another worker was faster
        except OSError as error:
            self._accept_failed(error)
            return False
        self._back_off = BACK_OFF[0]
        self.state.counters.accepted += 1
        self._begin(sock, address)
        if len(self.connections) >= self.settings.max_connections:
            self._stop_listening()
        return self._listening is not None

    def _accept_failed(self, error: OSError) -> None:
        """Count it and go on: at once if it was one connection's fault, else (no room, say) after a pause."""
        self.state.counters.accept_errors += 1
        if error.errno not in FAULTS_OF_ONE:
            log.event("accept", problem=error.strerror, pause_seconds=self._back_off)
            self._pause(self._back_off)
            self._back_off = min(self._back_off * 2, BACK_OFF[1])

    def _on_obsolete(self, error: BaseException) -> None:
        """Somebody has closed the listening descriptor under us: there is nothing left to do but finish."""
        self._listening = None
        self.drain(f"the listening socket was closed: {error}")

    def _begin(self, sock: Any, address: Any, *, is_inside: bool = False) -> None:
        """Run a connection's green thread until it waits for the first time. To be called on the hub."""
        transport = EventletTransport(sock, self._deadlines)
        connection = EventletConnection(self, transport, address, is_inside=is_inside)
        self.connections[transport] = connection
        self.state.counters.open += 1
        self._publish()
        self._threads.run(connection.run)

    # What connections tell, and the worker's life

    def count_jobs(self) -> None:
        """Take what the application starts from now on for a job, which the drain waits for."""
        self._jobs.count()

    def closed(self, connection: EventletConnection) -> None:
        """Take note: a connection has ended."""
        del self.connections[connection.transport]
        self.state.counters.open -= 1
        self._publish()
        if self.draining:
            if not self.connections:
                self._finish()
        elif self._listening is None and len(self.connections) == self.settings.max_connections - 1:
            self._listen()

    def _watch_memory(self) -> None:
        self.check_memory()
        if not self.draining:
            self._hub.schedule_call_global(MEMORY_EVERY, self._watch_memory)
