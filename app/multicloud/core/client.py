"""The HTTP client for A&AI and MSB: urllib3 with a bounded pool of kept connections for each of them.

Nothing is ever sent twice: urllib3's retries and redirects are off. A kept connection that the other side has
closed is noticed before it is used, and one that has idled for a while is not used again: servers close idle
connections, and a request that crosses the close would fail.

The module uses the plain interfaces of threads and sockets, so it works in threads and, under a server that makes
them green, in green threads alike.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import cast
from urllib.parse import urlsplit

import urllib3
from urllib3 import Timeout
from urllib3.response import HTTPResponse
from urllib3.util import SKIP_HEADER

from multicloud.core.connections import Fields, pool_classes
from multicloud.core.received import Received
from multicloud.core.settings import Settings
from multicloud.core.upstream import UpstreamError, UpstreamTimeoutError, errors_told

# What urllib3 warns of (a full pool, odd header lines) is handled here, or is the upstream's affair.
logging.getLogger("urllib3").setLevel(logging.ERROR)
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # who switches verification off knows


@dataclass(frozen=True)
class Service:
    """Where a service is, and how its certificate is verified."""

    url: str
    tls: Mapping[str, str]

    @staticmethod
    def of(url: str, ca_file: object, *, verify: bool) -> Service:
        """Return the service at a base URL."""
        tls = {"cert_reqs": "CERT_REQUIRED" if verify else "CERT_NONE"}
        if ca_file:
            tls["ca_certs"] = str(ca_file)
        return Service(url, tls)


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
        self._pools = urllib3.PoolManager(num_pools=8, maxsize=settings.pool_size, block=False)
        self._pools.pool_classes_by_scheme = pool_classes(settings.pool_idle)

    def deadline(self) -> float:
        """Return the moment (of time.monotonic) at which an exchange that begins now must have ended."""
        return monotonic() + self._settings.total_timeout

    def send(self, service: Service, outgoing: Outgoing, deadline: float) -> Received:
        """Send one request, once, and return the response with its body unread.

        Raises UpstreamError or UpstreamTimeoutError, and whatever the body raises.
        """
        parts = urlsplit(outgoing.url)
        fields = Fields(outgoing.fields)
        fields.target = outgoing.url[len(f"{parts.scheme}://{parts.netloc}") :] or "/"
        fields.patience = self._settings.read_timeout
        for name in ("User-Agent", "Accept-Encoding"):
            fields.setdefault(name, SKIP_HEADER)  # the client's affair: urllib3 would add its own
        tls = dict(service.tls) if parts.scheme == "https" else None
        with errors_told():
            pool = self._pools.connection_from_host(parts.hostname, parts.port, parts.scheme, tls)
            response = pool.urlopen(
                outgoing.method,
                "/",
                body=None if outgoing.body is None else _in_time(outgoing.body, deadline),
                headers=fields,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                timeout=self._timeout(deadline),
            )
        if (
            not 200 <= response.status <= 599
        ):  # http.client reads over 100; RFC 9110, section 15, knows no others
            response.close()
            raise UpstreamError(f"the status {response.status} is no answer")
        return Received(cast("HTTPResponse", response), deadline)

    def _timeout(self, deadline: float) -> Timeout:
        left = max(deadline - monotonic(), 0.001)
        settings = self._settings
        return Timeout(connect=min(settings.connect_timeout, left), read=min(settings.read_timeout, left))


def _in_time(body: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    for piece in body:
        if monotonic() > deadline:
            raise UpstreamTimeoutError("the exchange took too long")
        yield piece
