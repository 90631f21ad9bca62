"""The counting application: a WSGI application (PEP 3333) that keeps a line for each POST that it does.

    LOAD_COUNT_FILE=/path/to/counted   where the ids go; each worker appends, nobody truncates
    MOORING_RELEASE                            named by /pid and in the header X-Load-Worker, if it is set

`GET /` answers 200 (the smoke path), `POST /count` with `{"id": "…"}` appends the id and echoes it, `GET
/slow?ms=N` answers after N milliseconds (60,000 at most), `GET /pid` tells the process and the release.
Standard library only: it runs wherever Python does.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs

COUNT_FILE: Final = "LOAD_COUNT_FILE"
SMOKE_BODY: Final = b"mooring-load\n"
_SLOWEST: Final = 60_000
_LONGEST_BODY: Final = 4096

Answer = tuple[str, str, bytes]


class HTTPError(Exception):
    """A request that the application does not do; the message goes to the client with this status line."""

    def __init__(self, status: str, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request."""
    headers = [("X-Load-Worker", f"{os.getpid()}/{_release()}")]
    try:
        status, content_type, body = _handler(environ)(environ)
    except HTTPError as refusal:
        status, content_type, body = refusal.status, "text/plain", f"{refusal}\n".encode()
        headers += refusal.headers
    start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers])
    return [body]


def count(identifier: str) -> None:
    """Append the id to the count file; one write with O_APPEND, so that no two lines mix (open(2))."""
    try:
        path = os.environ[COUNT_FILE]
    except KeyError:
        raise HTTPError(
            "500 Internal Server Error", f"{COUNT_FILE} is not set: name the file to count in"
        ) from None
    line = f"{identifier}\n".encode()
    try:
        written = os.write(_opened(path), line)
    except OSError as error:
        raise HTTPError("500 Internal Server Error", f"{COUNT_FILE}={path}: {error.strerror}") from None
    if written != len(line):
        raise HTTPError(
            "500 Internal Server Error", f"{COUNT_FILE}={path}: the disk took only a part of the line"
        )


@cache
def _opened(path: str) -> int:
    """Return the count file's descriptor: opened once, so that a process without descriptors still counts."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _handler(environ: dict[str, Any]) -> Callable[[dict[str, Any]], Answer]:
    method, handler = _ROUTES.get(environ.get("PATH_INFO", ""), ("", None))
    if handler is None:
        raise HTTPError("404 Not Found", f"want one of {', '.join(_ROUTES)}")
    if environ["REQUEST_METHOD"] != method:
        raise HTTPError("405 Method Not Allowed", f"want {method}", ("Allow", method))
    return handler


def _smoke(_environ: dict[str, Any]) -> Answer:
    return "200 OK", "text/plain", SMOKE_BODY


def _count(environ: dict[str, Any]) -> Answer:
    try:
        identifier = json.loads(_body(environ))["id"]
    except (ValueError, KeyError, TypeError):
        raise HTTPError("400 Bad Request", 'want a JSON object with the key "id"') from None
    if not isinstance(identifier, str) or not re.fullmatch(r"[0-9A-Za-z_.-]{1,128}", identifier):
        raise HTTPError("400 Bad Request", "id: want 1 to 128 letters, digits, underscores, dots or hyphens")
    count(identifier)
    return "200 OK", "text/plain", identifier.encode()


def _slow(environ: dict[str, Any]) -> Answer:
    text = parse_qs(environ.get("QUERY_STRING", "")).get("ms", [""])[-1]
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > _SLOWEST:
        raise HTTPError("400 Bad Request", f"ms: want a whole number of milliseconds up to {_SLOWEST}")
    time.sleep(int(text) / 1000)
    return "200 OK", "text/plain", f"slept {int(text)} ms\n".encode()


def _pid(_environ: dict[str, Any]) -> Answer:
    body = json.dumps({"pid": os.getpid(), "release": _release()}) + "\n"
    return "200 OK", "application/json", body.encode()


def _body(environ: dict[str, Any]) -> bytes:
    """Return the body: by its length, or to its end where the server ends the input itself (chunked)."""
    text = environ.get("CONTENT_LENGTH") or ""
    if text:
        length = int(text)
        if length > _LONGEST_BODY:
            raise HTTPError("413 Content Too Large", f"want at most {_LONGEST_BODY} bytes")
        body: bytes = environ["wsgi.input"].read(length)
        if len(body) != length:
            raise HTTPError("400 Bad Request", f"the body ended after {len(body)} of {length} bytes")
        return body
    if not environ.get("wsgi.input_terminated"):
        raise HTTPError("411 Length Required", "this server does not pass on bodies without a Content-Length")
    body = environ["wsgi.input"].read(_LONGEST_BODY + 1)
    if len(body) > _LONGEST_BODY:
        raise HTTPError("413 Content Too Large", f"want at most {_LONGEST_BODY} bytes")
    return body


def _release() -> str:
    return os.environ.get("MOORING_RELEASE", "")


_ROUTES: Final[dict[str, tuple[str, Callable[[dict[str, Any]], Answer]]]] = {
    "/": ("GET", _smoke),
    "/count": ("POST", _count),
    "/slow": ("GET", _slow),
    "/pid": ("GET", _pid),
}
