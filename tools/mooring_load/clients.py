"""The clients: each sends one request after another, on a new connection for each or on one that it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mooring_load.connection import Connection, Response
from mooring_load.destination import Destination
from mooring_load.kinds import Kind
from mooring_load.outcome import Outcome, RequestFailedError
from mooring_load.pacing import Budget, ClosedLoop, OpenLoop
from mooring_load.recorder import Recorder

CLOSE_WITHIN: Final = 1.0
"""Seconds that the server has to end a connection after `Connection: close` (RFC 9112 9.6) unnoticed."""
PAUSE_AFTER_REFUSAL: Final = 0.01
"""Seconds between a connection that could not be made and the next try: to spin would prove nothing more."""


@dataclass(slots=True)
class Traffic:
    """What all clients of a run share; `began` is of the loop's clock, `timeout` seconds for a request."""

    loop: asyncio.AbstractEventLoop
    destination: Destination
    recorder: Recorder
    budget: Budget
    began: float
    next_id: Callable[[], str]
    timeout: float
    id_header: str
    holder_header: str
    retry_idle: bool

    def now(self) -> float:
        """Return the seconds since the run began."""
        return self.loop.time() - self.began


class _Client:
    name = ""

    def __init__(self, traffic: Traffic, kinds: Iterator[Kind], pace: ClosedLoop | OpenLoop) -> None:
        self._traffic = traffic
        self._kinds = kinds
        self._pace = pace

    async def run(self) -> None:
        """Send requests until the run is over."""
        traffic = self._traffic
        while (intended := await self._pace.next()) is not None:
            kind = next(self._kinds)
            outcome = Outcome(
                traffic.next_id(),
                kind.label,
                not kind.idempotent,
                self.name,
                intended - traffic.began,
                traffic.now(),
            )
            connection = await self._send(kind, outcome)
            traffic.recorder.finish(outcome)
            if outcome.phase == "connect" and not await traffic.budget.wait_until(
                traffic.loop.time() + PAUSE_AFTER_REFUSAL
            ):
                return
            if connection is not None:
                await self._after(connection, outcome)
            await self._pace.rest()

    async def _send(self, kind: Kind, outcome: Outcome) -> Connection | None:
        """Send one request; fill in the outcome; return the connection if it is still of use."""
        raise NotImplementedError

    async def _after(self, connection: Connection, outcome: Outcome) -> None:
        """Do what follows a response, once it is counted."""

    async def _connect(self, outcome: Outcome, deadline: float) -> Connection:
        traffic = self._traffic
        connection = Connection(traffic.loop, traffic.destination, traffic.holder_header)
        traffic.recorder.connections[self.name] += 1
        try:
            await connection.open(deadline)
        finally:
            outcome.local_port = connection.local_port
        return connection

    async def _exchange(
        self, connection: Connection, kind: Kind, outcome: Outcome, deadline: float
    ) -> Response:
        """Send the request on this connection and return its response, unchecked."""
        traffic = self._traffic
        request = kind.render(outcome.id, traffic.id_header, close=self.name == "new")
        outcome.served = connection.served
        try:
            return await connection.exchange(request, deadline)
        finally:
            outcome.ended = traffic.now()
            outcome.sent = outcome.sent or connection.sent
            outcome.holder = connection.holder

    def _check(self, kind: Kind, response: Response, outcome: Outcome) -> None:
        try:
            kind.check(response.status, response.body, outcome.id)
        except RequestFailedError as error:
            self._note(outcome, error)

    def _note(self, outcome: Outcome, error: RequestFailedError) -> None:
        outcome.ended = self._traffic.now()
        outcome.failure, outcome.phase, outcome.detail = error.failure, error.phase, error.detail

    def _note_unasked(self, connection: Connection, last: Outcome) -> None:
        """Count bytes that came behind a response counted as right: its request was answered twice."""
        if last.failure is None:
            last.ended = self._traffic.now()
            last.failure, last.phase = "unasked", "body"
            last.detail = f"after the response came {connection.unasked[:80]!r}"
            self._traffic.recorder.fail(last)


class NewClient(_Client):
    """Opens a connection for each request and says `Connection: close`, as tools without a pool do."""

    name = "new"

    async def _send(self, kind: Kind, outcome: Outcome) -> Connection | None:
        deadline = self._traffic.loop.time() + self._traffic.timeout
        connection = None
        try:
            connection = await self._connect(outcome, deadline)
            response = await self._exchange(connection, kind, outcome, deadline)
        except RequestFailedError as error:
            self._note(outcome, error)
            if connection is not None:
                connection.close()
            return None
        self._check(kind, response, outcome)
        return connection

    async def _after(self, connection: Connection, outcome: Outcome) -> None:
        """See that the server ends the connection, and that nothing else comes on it."""
        if not await connection.ended_within(CLOSE_WITHIN) and not connection.unasked:
            self._traffic.recorder.not_closed += 1
        if connection.unasked:
            self._note_unasked(connection, outcome)
        connection.close()


class KeptClient(_Client):
    """Keeps its connection as long as the server does, as pools and browsers do."""

    name = "kept"

    def __init__(self, traffic: Traffic, kinds: Iterator[Kind], pace: ClosedLoop | OpenLoop) -> None:
        super().__init__(traffic, kinds, pace)
        self._connection: Connection | None = None
        self._last: Outcome | None = None

    async def run(self) -> None:
        """Send requests until the run is over, then close the connection."""
        try:
            await super().run()
        finally:
            self._usable_connection()
            if self._connection is not None:
                self._connection.close()

    async def _send(self, kind: Kind, outcome: Outcome) -> Connection | None:
        deadline = self._traffic.loop.time() + self._traffic.timeout
        try:
            response = await self._ask(kind, outcome, deadline)
        except RequestFailedError as error:
            if not self._may_repeat(kind, error):
                self._drop(outcome, error)
                return None
            outcome.retried = True
            self._connection = None
            try:
                response = await self._ask(kind, outcome, deadline)
            except RequestFailedError as second:
                self._drop(outcome, second)
                return None
        self._check(kind, response, outcome)
        self._last = outcome
        if not response.keep and self._connection is not None:
            self._traffic.recorder.idle_closes.announced += 1
            self._connection.close()
            self._connection = None
        return self._connection

    async def _ask(self, kind: Kind, outcome: Outcome, deadline: float) -> Response:
        connection = self._usable_connection()
        if connection is None:
            connection = self._connection = await self._connect(outcome, deadline)
            connection.on_unasked = self._on_unasked
            self._last = None
        outcome.local_port = connection.local_port
        return await self._exchange(connection, kind, outcome, deadline)

    def _usable_connection(self) -> Connection | None:
        """Return the kept connection if it may carry another request, else None; count how it ended."""
        connection = self._connection
        if connection is None or connection.usable():
            return connection
        if connection.unasked:
            self._on_unasked()
        elif connection.ended == "reset":
            self._traffic.recorder.idle_closes.reset += 1
        else:
            self._traffic.recorder.idle_closes.eof += 1
        connection.close()
        self._connection = None
        return None

    def _on_unasked(self) -> None:
        if self._connection is not None and self._last is not None:
            self._note_unasked(self._connection, self._last)

    def _may_repeat(self, kind: Kind, error: RequestFailedError) -> bool:
        """Say whether RFC 9110 9.2.2 lets a client send this request once more, and the user wants that."""
        repeatable = error.failure in ("closed_idle", "reset") and error.phase == "response"
        carried = self._connection is not None and self._connection.served > 0
        return self._traffic.retry_idle and kind.idempotent and repeatable and carried

    def _drop(self, outcome: Outcome, error: RequestFailedError) -> None:
        self._note(outcome, error)
        if self._connection is not None:
            self._connection.close()
            self._connection = None
