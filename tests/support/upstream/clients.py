"""Two ways to send a request to the API: in process (PEP 3333) and over a socket."""

from __future__ import annotations

import http.client
import io
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from support.upstream.wire import Fielded


@dataclass
class Got(Fielded):
    """A response. ``fields`` are the header lines in their order."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes


def environ_of(
    method: str, target: str, fields: Iterable[tuple[str, str]], body: bytes | None
) -> dict[str, Any]:
    """Return the WSGI environment of a request, as mooring's worker makes it."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if body is not None:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in fields:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ and key != "HTTP_HOST" else value
    if "HTTP_TRANSFER_ENCODING" in environ:
        environ.pop("CONTENT_LENGTH", None)
    return environ


class InProcess:
    """Calls a WSGI application."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def request(
        self, method: str, target: str, fields: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Got:
        """Send a request and return the whole response."""
        environ = environ_of(method, target, (fields or {}).items(), body)
        began: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, lines: list[tuple[str, str]], exc_info: Any = None) -> None:
            assert exc_info is not None or not began, "start_response was called twice"
            began.append((status, lines))

        result = self.application(environ, start_response)
        try:
            content = b"".join(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        status, lines = began[-1]
        code, _, reason = status.partition(" ")
        return Got(int(code), reason, lines, content)


class AsItIs(http.client.HTTPConnection):
    """A connection that sends any target, one byte per character; the standard library's takes ASCII alone."""

    def _encode_request(self, request: str) -> bytes:
        return request.encode("latin-1")


class OverSocket:
    """Sends requests to a server, each on a connection of its own."""

    def __init__(self, port: int, deadline: float = 30.0) -> None:
        self.port = port
        self._deadline = deadline

    def request(
        self, method: str, target: str, fields: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Got:
        """Send a request and return the whole response. Raises http.client's errors when it is cut short."""
        connection = AsItIs("127.0.0.1", self.port, timeout=self._deadline)
        try:
            connection.putrequest(
                method, target, skip_host="Host" in (fields or {}), skip_accept_encoding=True
            )
            chunked = "chunked" in (fields or {}).get("Transfer-Encoding", "")
            for name, value in (fields or {}).items():
                connection.putheader(name, value)
            if body is not None and not chunked:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            if body is not None:
                connection.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body)
            response = connection.getresponse()
            content = response.read()
            return Got(response.status, response.reason, response.getheaders(), content)
        finally:
            connection.close()
