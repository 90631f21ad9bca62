"""Django and Pecan projects of nobody's, that use what both offer: streams, files, uploads, cookies."""

from __future__ import annotations

import json
import tempfile
import types
from collections.abc import Iterator
from typing import Any

DATA = bytes(range(256)) * 1000


FIELDS = {
    "keep_alive": [("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")],
    "close": [("Connection", "close")],
    "coding": [("Transfer-Encoding", "chunked"), ("Trailer", "X"), ("TE", "trailers")],
    "upgrade": [("Upgrade", "h2c"), ("Connection", "Upgrade")],
    "websocket": [("Upgrade", "websocket"), ("Connection", "Upgrade")],
    "own": [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine")],
}
"""Fields that are the server's, and what an application may set of them."""


def parts() -> Iterator[bytes]:
    for number in range(5):
        yield b"part %d\n" % number


def make_django() -> Any:
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path, re_path, reverse

    def root(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(f"{request.method} {request.get_full_path()} {request.scheme}")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    def stream(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(parts())

    def file(request: HttpRequest) -> FileResponse:
        handle = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
        handle.write(DATA)
        handle.seek(0)
        return FileResponse(handle, filename="data.bin", as_attachment=True)

    def upload(request: HttpRequest) -> JsonResponse:
        if request.FILES:
            sizes = {name: sum(len(chunk) for chunk in file.chunks()) for name, file in request.FILES.items()}
            return JsonResponse({"files": sizes, "fields": dict(request.POST.items())})
        return JsonResponse({"body": len(request.body)})

    def form(request: HttpRequest) -> JsonResponse:
        files = {name: file.size for name, file in request.FILES.items()}
        is_json = request.content_type == "application/json"
        found = {"fields": dict(request.POST.items()), "files": files}
        return JsonResponse(json.loads(request.body) if is_json else found)

    def where(request: HttpRequest) -> JsonResponse:
        names = ("SCRIPT_NAME", "PATH_INFO")
        told = {name: request.META[name] for name in names} | {
            "link": reverse("form"),
            "host": request.get_host(),
        }
        return JsonResponse(told)

    def empty(request: HttpRequest) -> HttpResponse:
        return HttpResponse(status=204)

    def fields(request: HttpRequest) -> HttpResponse:
        return HttpResponse("fields", headers=dict(FIELDS[request.META["QUERY_STRING"]]))

    def bare(request: HttpRequest) -> HttpResponse:
        return HttpResponse("bare", status=299, reason="")

    urls = types.ModuleType("urls")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("", root),
        path("stream", stream),
        path("file", file),
        path("upload", upload),
        path("empty", empty),
        path("fields", fields),
        path("bare", bare),
        path("form", form, name="form"),
        re_path("^/?where$", where),
    ]
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.gzip.GZipMiddleware"],
        SECRET_KEY="none",  # noqa: S106
        USE_TZ=True,
    )
    django.setup()
    return WSGIHandler()


def make_pecan() -> Any:
    import pecan

    class Root:
        @pecan.expose(content_type="text/plain")
        def index(self) -> bytes:
            pecan.response.set_cookie("a", "1")
            pecan.response.set_cookie("b", "2")
            request = pecan.request
            return f"{request.method} {request.path_qs} {request.scheme}".encode()

        @pecan.expose(content_type="text/plain")
        def stream(self) -> Any:
            pecan.response.app_iter = parts()
            return pecan.response

        @pecan.expose(content_type="application/octet-stream")
        def file(self) -> Any:
            handle = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
            handle.write(DATA)
            handle.seek(0)
            pecan.response.app_iter = pecan.request.environ["wsgi.file_wrapper"](handle)
            pecan.response.content_length = len(DATA)
            return pecan.response

        @pecan.expose("json")
        def upload(self) -> Any:
            if pecan.request.content_type == "multipart/form-data":
                fields = dict(pecan.request.POST)
                files = {name: field.file.read() for name, field in fields.items() if hasattr(field, "file")}
                sizes = {name: len(data) for name, data in files.items()}
                return {"files": sizes, "fields": {n: v for n, v in fields.items() if n not in files}}
            return {"body": len(pecan.request.body)}

        @pecan.expose("json")
        def form(self, **given: Any) -> Any:
            request = pecan.request
            if request.content_type == "application/json":
                return request.json_body
            files = {name: len(part.file.read()) for name, part in given.items() if hasattr(part, "file")}
            return {"fields": {n: v for n, v in given.items() if n not in files}, "files": files}

        @pecan.expose("json")
        def where(self) -> Any:
            request = pecan.request
            names = ("SCRIPT_NAME", "PATH_INFO")
            link = request.relative_url("form", to_application=True).removeprefix(request.host_url)
            return {name: request.environ[name] for name in names} | {"link": link, "host": request.host}

        @pecan.expose()
        def empty(self) -> None:
            pecan.response.status = 204

        @pecan.expose(content_type="text/plain")
        def fields(self, **_: str) -> bytes:
            pecan.response.headers.update(FIELDS[pecan.request.query_string])
            return b"fields"

        @pecan.expose(content_type="text/plain")
        def bare(self) -> bytes:
            pecan.response.status = "299 "
            return b"bare"

    return pecan.make_app(Root(), debug=False)
