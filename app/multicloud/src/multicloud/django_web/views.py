"""Django's views: hand the request to the core, hand its response to Django."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from multicloud.core import responses
from multicloud.core.broker import broker
from multicloud.core.responses import Response
from multicloud.core.routes import Route


class _Exact:
    """A response whose header lines are exactly the core's: none added, doubled ones (Set-Cookie) kept."""

    core: Response

    def items(self) -> Iterable[tuple[str, str]]:
        """Return the header lines; Django's WSGI handler sends what this returns."""
        return self.core.headers


class WholeResponse(_Exact, HttpResponse):  # type: ignore[misc] # Django comes without types
    """A response that is there as a whole."""


class StreamedResponse(_Exact, StreamingHttpResponse):  # type: ignore[misc] # Django comes without types
    """A response that comes piece by piece; closing the response closes what it comes from."""


def respond(result: Response) -> HttpResponseBase:
    """Return Django's response for one of the core."""
    whole = isinstance(result.body, bytes)
    kind = WholeResponse if whole else StreamedResponse
    response = kind(result.body, status=result.status, reason=result.reason)
    response.core = result
    return response


def view_of(route: Route) -> Callable[..., HttpResponseBase]:
    """Return the view that answers a route."""

    def view(request: HttpRequest, **parts: str) -> HttpResponseBase:
        # The body is read from the server's stream: Django's own wrapper takes a chunked one for empty.
        return respond(broker().handle(route, parts, request.environ))

    return view


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:  # noqa: ARG001 - Django's signature
    """Answer a path that no route matches."""
    return respond(broker().unmatched(request.environ))


def server_error(request: HttpRequest, *_args: Any) -> HttpResponseBase:  # noqa: ARG001 - Django's signature
    """Answer what failed in Django itself."""
    return respond(responses.INTERNAL)
