"""Redirects of a driver: where they may lead, and what of a request goes there.

They are followed within MSB's origin (scheme, host and port: RFC 9110, section 4.3.1), and to the origins that a setting
names. No body goes to another origin than the one that redirects, and of the header fields only those that hold
nothing secret. That is a list of what may go: a list of credentials would miss some, since clouds have many tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from multicloud.core import fields
from multicloud.core.client import Outgoing, origin
from multicloud.core.received import Received
from multicloud.core.settings import variable
from multicloud.core.target import visible
from multicloud.core.upstream import UpstreamError

MOST = 5
"""Redirects of one request that are followed."""

STATUSES = frozenset({300, 301, 302, 303, 307, 308})
BECOME_GET = frozenset({302, 303})


class Redirects:
    """The origins that a redirect may lead to."""

    def __init__(self, service: str, others: Iterable[str]) -> None:
        self._allowed = frozenset(origin(url) for url in (service, *others))

    def next(self, outgoing: Outgoing, received: Received) -> Outgoing | None:
        """Return the request that follows a response, None if the response is the answer.

        It is the answer if it is no redirect, leads nowhere, or would need a body that is too long to be kept. Raises
        UpstreamError if it leads where the request, or its body, must not go; and whatever the body raises.
        """
        location = _location(received, outgoing.url)
        if location is None:
            return None
        there = origin(location)
        if there not in self._allowed:
            scheme, host, port = there
            raise UpstreamError(
                f"it redirects to an origin that {variable('redirect_origins')} does not name",
                logged=f"it redirects to {scheme}, {host}, port {port}, which {variable('redirect_origins')} does not name",
            )
        far = there != origin(outgoing.url)
        method, onward, body = outgoing.method, outgoing.fields, outgoing.body
        if received.status in BECOME_GET:
            method, body = ("HEAD" if method == "HEAD" else "GET"), None
            onward = fields.without_body(onward)
        elif body is not None:
            if far:
                raise UpstreamError("it redirects a request with a body to another origin")
            again = outgoing.again()
            if again is None:
                return None
            body = [again]
        if far:
            onward = fields.without_secrets(onward)
        return replace(outgoing, method=method, url=location, fields=onward, body=body)


def _location(received: Received, url: str) -> str | None:
    """Return where a redirect leads; None if the response is no redirect that can be followed."""
    if received.status not in STATUSES:
        return None
    location = next((value.strip() for name, value in received.fields if name.lower() == "location"), None)
    if location is None:
        return None
    try:
        said = urlsplit(location)
        target = visible(urljoin(url, location)).partition("#")[0]
        parts = urlsplit(target)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    # http:path and ///path lack a host, which urljoin would guess.
    hostless = bool(said.scheme or location.startswith("//")) and not said.netloc
    return target if sound and not hostless else None
