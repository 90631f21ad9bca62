"""The HTTP client for A&AI and MSB, with a bounded pool of kept connections to each of them.

Nothing is ever sent twice. A kept connection that the other side has closed is noticed before it is used, and one
that has idled for a while is not used again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from urllib.parse import urlsplit

from multicloud.core.connections import Origin, connect
from multicloud.core.pools import Pools
from multicloud.core.received import Received
from multicloud.core.settings import Settings
from multicloud.core.upstream import UpstreamError, UpstreamTimeoutError

PORTS = {"http": 80, "https": 443}
WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
"""Methods whose requests have no body as a rule, so that its absence is not told (RFC 9110, section 8.6)."""


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


class Client:
    """Sends requests to A&AI and MSB. One per process; safe to use from many threads at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools = Pools(settings.pool_size, settings.pool_idle)

    def deadline(self) -> float:
        """Return the moment (of time.monotonic) at which an exchange that begins now must have ended."""
        return monotonic() + self._settings.total_timeout

    def send(self, service: Service, outgoing: Outgoing, deadline: float) -> Received:
        """Send one request, once, and return the response with its body unread.

        Raises UpstreamError or UpstreamTimeoutError, and whatever the body raises.
        """
        origin, head, chunked = _request(service, outgoing)
        left = deadline - monotonic()
        if left <= 0:
            raise UpstreamTimeoutError("the exchange took too long")
        connection = self._pools.take(origin) or connect(origin, min(self._settings.connect_timeout, left))
        try:
            connection.begin(deadline, self._settings.read_timeout)
            connection.send(head, outgoing.body, chunked=chunked)
            answer = connection.head(outgoing.method)
        except BaseException:
            connection.close()
            raise
        return Received(answer, connection, partial(self._pools.give, origin))


def _request(service: Service, outgoing: Outgoing) -> tuple[Origin, bytes, bool]:
    """Return whom to send a request to, its head, and whether its body goes in chunks."""
    parts = urlsplit(outgoing.url)
    name = parts.hostname or ""
    port = parts.port or PORTS[parts.scheme]
    host = f"[{name}]" if ":" in name else name
    if port != PORTS[parts.scheme]:
        host = f"{host}:{port}"
    target = outgoing.url[len(parts.scheme) + 3 + len(parts.netloc) :] or "/"
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
    origin = Origin(parts.scheme, name, port, service.ca_file, service.verify)
    return origin, head + b"\r\n\r\n", chunked
