"""One set of pages for Django, for Pecan and for plain WSGI: bodies that nobody reads, or not to their end.

Each page is a generator, which notes what becomes of it under the query's name; `what` tells it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import eventlet

KIND = "application/octet-stream"
PART = b"x" * 1000
notes: dict[str, list[str]] = {}

# Pages: name -> (status, Content-Length or None, generator). With 200 Pecan asks for a part itself, and forgets the length.


def endless() -> Iterator[bytes]:
    """Never wait, never end."""
    while True:
        yield PART


def endless_and_empty() -> Iterator[bytes]:
    yield PART
    while True:
        yield b""


def empty_first() -> Iterator[bytes]:
    while True:
        yield b""


def sleeps_first() -> Iterator[bytes]:
    eventlet.sleep(3600)
    yield PART


def sleeps_later() -> Iterator[bytes]:
    yield PART
    eventlet.sleep(3600)
    yield PART


def sleeps_often() -> Iterator[bytes]:
    while True:
        yield PART
        eventlet.sleep(0.01)


def exact() -> Iterator[bytes]:
    yield PART


def fails() -> Iterator[bytes]:
    raise ValueError("before the first part")
    yield PART


PAGES: dict[str, tuple[int, int | None, Callable[[], Iterator[bytes]]]] = {
    "endless": (200, None, endless),
    "endless_cut": (201, 1500, endless),
    "endless_none": (201, 0, endless),
    "endless_204": (204, None, endless),
    "endless_304": (304, None, endless),
    "empty_later": (201, len(PART), endless_and_empty),
    "empty_first": (200, None, empty_first),
    "sleeps_first": (200, None, sleeps_first),
    "sleeps_later": (200, None, sleeps_later),
    "sleeps_later_cut": (201, len(PART), sleeps_later),
    "sleeps_later_204": (204, None, sleeps_later),
    "sleeps_often": (200, None, sleeps_often),
    "exact": (201, len(PART), exact),
    "fails": (200, None, fails),
}


def noted(name: str, parts: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """Note whether the generator came to its end, and that it is over."""
    mine = notes.setdefault(name, [])
    mine.append("begun")
    try:
        yield from parts()
        mine.append("behind the last part")
    finally:
        mine.append("over")


def page_for(name: str, query: str) -> tuple[int, int | None, Iterator[bytes]]:
    if name == "root":
        return 200, None, iter((b"root",))
    if name == "what":
        return 200, None, iter((",".join(notes.get(query, [])).encode(),))
    status, length, parts = PAGES[name]
    return status, length, noted(query, parts)


def make_wsgi() -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        name = environ["PATH_INFO"].strip("/") or "root"
        if name == "writes":  # the other way to send: write()
            return writes(environ, start_response)
        status, length, parts = page_for(name, environ["QUERY_STRING"])
        fields = [("Content-Type", KIND)]
        if length is not None:
            fields.append(("Content-Length", str(length)))
        start_response(f"{status} Said", fields)
        return parts

    def writes(environ: dict[str, Any], start_response: Any) -> Any:
        write = start_response("200 OK", [("Content-Type", KIND), ("Content-Length", "1500")])
        mine = notes.setdefault(environ["QUERY_STRING"], [])
        try:
            while True:
                write(PART)
        finally:
            mine.append("over")

    return application


def make_django() -> Any:
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpRequest, StreamingHttpResponse
    from django.urls import path

    def view(request: HttpRequest, name: str = "root") -> StreamingHttpResponse:
        status, length, parts = page_for(name, request.META["QUERY_STRING"])
        response = StreamingHttpResponse(parts, status=status, content_type=KIND)
        if length is not None:
            response["Content-Length"] = str(length)
        return response

    urls = types.ModuleType("urls")
    urls.urlpatterns = [path("", view), path("<str:name>", view)]  # type: ignore[attr-defined]
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls, SECRET_KEY="none")  # noqa: S106
    django.setup()
    return WSGIHandler()


def make_pecan() -> Any:
    import pecan

    class Root:
        @pecan.expose(content_type=KIND)
        def _default(self, *names: str) -> Any:
            name = names[0] if names else "root"
            status, length, parts = page_for(name, pecan.request.query_string)
            pecan.response.status = status
            pecan.response.app_iter = parts
            if length is not None:
                pecan.response.content_length = length
            return pecan.response

    return pecan.make_app(Root(), debug=False)
