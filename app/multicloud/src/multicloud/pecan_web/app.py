"""The API by Pecan, as a WSGI application: ``multicloud.pecan_web.app:make_app()``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import webob
from pecan import expose
from pecan.core import ExplicitPecan
from webob.multidict import NoVars

from multicloud.core import responses
from multicloud.core.broker import broker
from multicloud.core.requestlog import RequestLog
from multicloud.core.routes import match
from multicloud.pecan_web import argspec


class Request(webob.Request):  # type: ignore[misc] # WebOb comes without types
    """A request that Pecan takes no parameters from: its body and query go on as they came, unread."""

    GET = POST = params = NoVars("the API passes queries and bodies on unread")

    @property
    def path_info(self) -> str:
        """The path as the server decoded it, one character per byte: the core's routes match that."""
        return str(self.environ.get("PATH_INFO", ""))

    @property
    def json(self) -> object:
        """Refuse: Pecan would read a JSON body for parameters."""
        raise ValueError("the API passes bodies on unread")


class Response(webob.Response):  # type: ignore[misc] # WebOb comes without types
    """A response whose head is exactly the core's: WebOb would rewrite Location, and check the status at length."""

    @property
    def status(self) -> str:
        """The status code and its reason phrase."""
        return str(self._status)

    @status.setter
    def status(self, value: str | int) -> None:
        if isinstance(value, int):  # Pecan's own, as after an error in its routing
            webob.Response.status.fset(self, value)
        else:
            self._status = value

    def __call__(self, _environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Send the response (PEP 3333)."""
        start_response(self.status, self.headerlist)
        return self.app_iter  # type: ignore[no-any-return]


class RootController:
    """All of the API's paths, routed by the core's table."""

    @expose()  # type: ignore[untyped-decorator]
    def _route(self, _remainder: list[str], request: Request) -> tuple[Callable[..., Any], list[str]]:
        request.pecan["content_type"] = "application/json"  # what a client accepts is the core's to judge
        found = match(request.path_info)
        if found is None:
            return self.unmatched, []
        request.context["route"], request.context["parts"] = found
        return self.matched, []

    @expose(content_type="application/json")  # type: ignore[untyped-decorator]
    def matched(self, request: Request, _response: Response) -> Response:
        """Answer a known route."""
        context = request.context
        return respond(broker().handle(context["route"], context["parts"], request.environ))

    @expose(content_type="application/json")  # type: ignore[untyped-decorator]
    def unmatched(self, request: Request, _response: Response) -> Response:
        """Answer a path that no route matches."""
        return respond(broker().unmatched(request.environ))


def respond(result: responses.Response) -> Response:
    """Return Pecan's response for one of the core."""
    return Response(
        status=f"{result.status} {result.reason}",
        headerlist=list(result.headers),
        app_iter=[result.body] if isinstance(result.body, bytes) else result.body,
    )


def _blank() -> Response:
    """Return what Pecan makes for each request and our controllers put another response in the place of."""
    return Response(headerlist=[], app_iter=())


class Application(ExplicitPecan):  # type: ignore[misc] # Pecan comes without types
    """Pecan without context locals (controllers get request and response) and without opinions on bodies."""

    def route(self, req: Request, node: RootController, _path: str) -> tuple[Callable[..., Any], list[str]]:
        """Ask the root controller, who decides for every path: Pecan's walk would look for other handlers first."""
        return node._route([], req)  # type: ignore[no-any-return]

    def _handle_empty_response_body(self, state: Any) -> None:
        """Leave the response alone: Pecan would read streams whole and turn an empty 200 to 204."""


def make_app() -> RequestLog:
    """Return the WSGI application. Raises multicloud.core.settings.WrongSettingsError."""
    argspec.install()
    application = Application(
        RootController(),
        request_cls=Request,
        response_cls=_blank,
        force_canonical=False,
        guess_content_type_from_ext=False,
    )
    return RequestLog(application, broker().settings)
