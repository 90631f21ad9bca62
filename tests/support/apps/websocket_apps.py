"""Websockets by both libraries, the same for Django, for Pecan and for plain WSGI."""

from __future__ import annotations

import types
from typing import Any

import eventlet
import simple_websocket
from eventlet import websocket

notes: list[str] = []


def echo(ws: Any) -> None:
    """Send back what comes."""
    while (message := ws.wait()) is not None:
        ws.send(message)
    notes.append("eventlet: over")


def ticks(ws: Any) -> None:
    """Send for ever, and read nothing."""
    try:
        while True:
            ws.send("tick")
            eventlet.sleep(0.05)
    finally:
        notes.append("ticks: over")


def floods(ws: Any) -> None:
    """Send large frames as fast as the client takes them."""
    try:
        while True:
            ws.send(b"x" * 300_000)
    finally:
        notes.append("floods: over")


def says_goodbye(ws: Any) -> None:
    ws.send("goodbye")


def fails(ws: Any) -> None:
    ws.wait()
    raise ValueError("in the handler")


HANDLERS = {"eventlet": echo, "ticks": ticks, "floods": floods, "goodbye": says_goodbye, "fails": fails}


def simple(environ: dict[str, Any], *, pings: bool) -> None:
    """Send back what comes, by simple-websocket, whose reading is a thread of its own."""
    ws = simple_websocket.Server.accept(environ, ping_interval=0.2 if pings else None)
    try:
        while True:
            ws.send(ws.receive())
    except simple_websocket.ConnectionClosed as closed:
        notes.append(f"simple: {closed.reason}")


def leaves(environ: dict[str, Any]) -> None:
    """Return while the library's thread still reads."""
    simple_websocket.Server.accept(environ).send("left")


def handle(name: str, environ: dict[str, Any]) -> None:
    """Speak websocket until it is over; what the page then answers has no reader."""
    if name == "leaves":
        leaves(environ)
    elif name in HANDLERS:
        websocket.WebSocketWSGI(HANDLERS[name])(environ, refuse)
    else:
        simple(environ, pings=name == "pings")


def refuse(status: str, headers: Any, exc_info: Any = None) -> Any:
    raise RuntimeError(f"the library answered {status}")


PLAIN = {"": lambda: "root", "what": lambda: ",".join(notes)}


def make_wsgi() -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        name = environ["PATH_INFO"].strip("/")
        if name in PLAIN:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [PLAIN[name]().encode()]
        if name in HANDLERS:
            return websocket.WebSocketWSGI(HANDLERS[name])(environ, start_response)
        handle(name, environ)
        return []

    return application


def make_django() -> Any:
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def view(request: HttpRequest, name: str = "") -> HttpResponse:
        if name in PLAIN:
            return HttpResponse(PLAIN[name]())
        handle(name, request.environ)  # type: ignore[attr-defined]
        return HttpResponse("nobody reads this")

    urls = types.ModuleType("urls")
    urls.urlpatterns = [path("", view), path("<str:name>", view)]  # type: ignore[attr-defined]
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls, SECRET_KEY="none")  # noqa: S106
    django.setup()
    return WSGIHandler()


def make_pecan() -> Any:
    import pecan

    class Root:
        @pecan.expose(content_type="text/plain")
        def _default(self, *names: str) -> bytes:
            name = names[0] if names else ""
            if name in PLAIN:
                return PLAIN[name]().encode() or b"nothing"
            handle(name, pecan.request.environ)
            return b"nobody reads this"

    return pecan.make_app(Root(), debug=False)
