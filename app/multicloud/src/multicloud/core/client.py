"""The HTTP client for A&AI and MSB, with a bounded pool of kept connections to each of them.

The other side may close a kept connection at any moment. Mostly that is noticed before the connection is used, and one
that has idled for a while is not used again. But the end may still be on its way when the next request leaves. So:

- GET and HEAD are sent once more, on a new connection, if a kept one ended before any byte of the answer came.
- Other methods are never sent twice. They use a kept connection only when it has been quiet for a moment: servers that
  close after an answer do it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

from multicloud.core.connections import Connection, Origin, connect
from multicloud.core.pools import Pools
from multicloud.core.received import Received
from multicloud.core.settings import Settings
from multicloud.core.upstream import UnansweredError, UpstreamError, UpstreamTimeoutError

PORTS = {"http": 80, "https": 443}
WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
"""Methods whose requests have no body as a rule, so that its absence is not told (RFC 9110, section 8.6)."""

SENT_AGAIN = frozenset({"GET", "HEAD"})
"""Methods that are sent once more if a kept connection turns out to be closed: they change nothing."""


@dataclass(frozen=True)
class Service:
    """Where a service is, and how its certificate is verified."""

    url: str
    ca_file: str | None
    verify: bool

    @staticmethod
    def of(url: str, ca_file: object, *, verify: bool) -> Service:
        """Return the service at a base URL."""
        return Service(url, str(ca_file) if ca_file else None, verify)


@dataclass(frozen=True)
class Outgoing:
    """A request to send. A body without Content-Length among its fields is sent chunked."""

    method: str
    url: str
    """Sent as it is, to the last character; visible ASCII."""
    fields: dict[str, str]
    body: Iterable[bytes] | None = None
    again: Callable[[], bytes | None] = lambda: None
    """Returns the whole body for another time, None if it cannot be had."""


class _Prepared(NamedTuple):
    """A request as it is sent: to whom, its head, and whether its body goes in chunks."""

    to: Origin
    method: str
    head: bytes
    chunked: bool


class Client:
    """Sends requests to A&AI and MSB. One per process; safe to use from many threads at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools = Pools(settings.pool_size, settings.pool_idle)

    def deadline(self, most: float = inf) -> float:
        """Return the moment (of time.monotonic) at which an exchange that begins now must have ended.

        It is at most ``most`` seconds away.
        """
        return monotonic() + min(most, self._settings.total_timeout)

    def send(self, service: Service, outgoing: Outgoing, deadline: float) -> Received:
        """Send one request and return the response with its body unread.

        Raises UpstreamError or UpstreamTimeoutError, and whatever the body raises.
        """
        prepared = _prepared(service, outgoing)
        repeatable = outgoing.method in SENT_AGAIN
        body = outgoing.body
        if connection := self._pools.take(prepared.to, quiet=not repeatable or body is not None):
            try:
                return self._exchange(connection, prepared, body, deadline)
            except UnansweredError:
                if not repeatable:
                    raise
                if body is not None:
                    again = outgoing.again()
                    if again is None:
                        raise
                    body = [again]
        left = deadline - monotonic()
        if left <= 0:
            raise UpstreamTimeoutError("the exchange took too long")
        connection = connect(prepared.to, min(self._settings.connect_timeout, left))
        return self._exchange(connection, prepared, body, deadline)

    def _exchange(
        self, connection: Connection, prepared: _Prepared, body: Iterable[bytes] | None, deadline: float
    ) -> Received:
        """Send a request on a connection and return the response with its body unread."""
        try:
            connection.begin(deadline, self._settings.read_timeout)
            connection.send(prepared.head, body, chunked=prepared.chunked)
            answer = connection.head(prepared.method)
        except BaseException:
            connection.close()
            raise
        return Received(answer, connection, partial(self._pools.give, prepared.to))


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL (RFC 9110, section 4.3.1): two URLs with the same lead to one server."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme]


def _prepared(service: Service, outgoing: Outgoing) -> _Prepared:
    """Return a request as it is sent. Raises UpstreamError."""
    scheme, name, port = origin(outgoing.url)
    host = f"[{name}]" if ":" in name else name
    if port != PORTS[scheme]:
        host = f"{host}:{port}"
    _, _, rest = outgoing.url.partition("://")
    target = rest[len(urlsplit(outgoing.url).netloc) :]
    if not target.startswith("/"):  # a path that is empty, maybe before a query (RFC 9112, section 3.2.1)
        target = f"/{target}"
    lines = [f"{outgoing.method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in outgoing.fields.items()]
    chunked = False
    if "Content-Length" not in outgoing.fields:
        if outgoing.body is not None:
            chunked = True
            lines.append("Transfer-Encoding: chunked")
        elif outgoing.method not in WITHOUT_BODY:
            lines.append("Content-Length: 0")
    head = "\r\n".join(lines).encode("latin-1")
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise UpstreamError("the request holds a line end where none may be")
    to = Origin(scheme, name, port, service.ca_file, service.verify)
    return _Prepared(to, outgoing.method, head + b"\r\n\r\n", chunked)
