"""Redirects of a driver: where they may lead, and what of a request goes there.

They are followed within MSB's origin (scheme, host and port: RFC 9110, section 4.3.1), and to the origins that a setting
names. No body goes to another origin than the one that redirects, and of the headers only those that hold nothing
secret. That is a list of what may go: a list of credentials would miss some, since clouds have many tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from multicloud.client import HTTPError, Origin, Request, Response
from multicloud.core import headers
from multicloud.core.settings import variable
from multicloud.core.target import visible

MAX_REDIRECTS = 5
"""Redirects of one request that are followed."""

STATUSES = frozenset({300, 301, 302, 303, 307, 308})
BECOME_GET = frozenset({302, 303})


class RedirectError(HTTPError):
    """A redirect leads where the request, or its body, must not go.

    Clients get to see its text; ``logged`` is for the log, where it may name the place.
    """

    def __init__(self, text: str, *, logged: str = "") -> None:
        super().__init__(text)
        self.logged = logged or text


class Redirects:
    """The origins that a redirect may lead to."""

    def __init__(self, url: str, others: Iterable[str]) -> None:
        self._allowed = frozenset(Origin.of(each) for each in (url, *others))

    def following(self, request: Request, response: Response) -> Request | None:
        """Return the request that follows a response, None if the response is the one to give.

        It is that if it is no redirect, leads nowhere, or would need a body that is too long to be kept. Raises
        RedirectError, and whatever the body raises.
        """
        location = _location(response, request.url)
        if location is None:
            return None
        there = Origin.of(location)
        if there not in self._allowed:
            setting = variable("redirect_origins")
            raise RedirectError(
                f"it redirects to an origin that {setting} does not name",
                logged=f"it redirects to {there.scheme}, {there.host}, port {there.port}, which {setting} does not name",
            )
        far = there != Origin.of(request.url)
        method, onward, body = request.method, request.headers, request.body
        if response.status in BECOME_GET:
            method, body = ("HEAD" if method == "HEAD" else "GET"), None
            onward = headers.without_body(onward)
        elif body is not None:
            if far:
                raise RedirectError("it redirects a request with a body to another origin")
            again = request.rewind()
            if again is None:
                return None
            body = [again]
        if far:
            onward = headers.without_secrets(onward)
        return replace(request, method=method, url=location, headers=onward, body=body)


def _location(response: Response, url: str) -> str | None:
    """Return where a redirect leads; None if the response is no redirect that can be followed."""
    if response.status not in STATUSES:
        return None
    location = next((value.strip() for name, value in response.headers if name.lower() == "location"), None)
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
