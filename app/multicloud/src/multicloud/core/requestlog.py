"""One JSON line for each request, and the request's id: a WSGI layer around either framework.

The id is the client's ``X-TransactionId``, else its ``X-Request-ID``, else made here; it goes to A&AI and the
drivers as ``X-TransactionId`` and back to the client as ``X-Request-ID``.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from json import dumps
from time import perf_counter
from typing import Any

from multicloud.core import responses
from multicloud.core.lines import LineWriter
from multicloud.core.settings import Settings
from multicloud.core.target import raw_target

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

KEY = "multicloud.record"
"""Where the request's record stands in the WSGI environment."""

_ID = re.compile(r"[0-9A-Za-z._:+=/@-]{1,128}")

log = logging.getLogger(__name__)


class Record:
    """What is known of one request. The forward fills in the upstream's part."""

    __slots__ = ("error", "id", "sent", "status", "streamed", "upstream", "upstream_ms")

    def __init__(self, request_id: str) -> None:
        self.id = request_id
        self.status = 0
        self.sent = 0
        """Bytes of the response's body."""
        self.streamed = False
        """Whether the body comes piece by piece."""
        self.upstream = ""
        """Who answered in the end: base URL and driver."""
        self.error = ""
        """What failed on the upstream's side, or the client's."""
        self.upstream_ms: float | None = None
        """Milliseconds until the upstream's answer began."""


def request_id(environ: Environ) -> str:
    """Return the client's id of the request if it has a sound one, else a new one."""
    for name in ("HTTP_X_TRANSACTIONID", "HTTP_X_REQUEST_ID"):
        if name in environ and _ID.fullmatch(environ[name]):
            return str(environ[name])
    return os.urandom(16).hex()


def record_of(environ: Environ) -> Record:
    """Return the request's record; a new one outside of the layer."""
    if KEY not in environ:
        environ[KEY] = Record(request_id(environ))
    record: Record = environ[KEY]
    return record


class RequestLog:
    """WSGI layer that numbers, times and logs requests, and answers 500 when the application fails."""

    wsgi_input_terminated = True
    """For servers that would receive a body before Django is called: the core reads it piece by piece, without a length."""

    def __init__(
        self, application: Application, settings: Settings, writer: LineWriter | None = None
    ) -> None:
        self._application = application
        self._writer = (writer or LineWriter()) if settings.request_log else None

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request (PEP 3333). Its line is written when the body was handed over or given up."""
        began = perf_counter()
        record = environ[KEY] = Record(request_id(environ))

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            record.status = int(status[:3])
            # An answer of our own has no such field; a driver's may have one.
            if not record.upstream or not any(name.lower() == "x-request-id" for name, _ in headers):
                headers = [*headers, ("X-Request-ID", record.id)]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            body = self._application(environ, start)
        except Exception:
            log.exception("the framework failed")
            failed = responses.INTERNAL
            start(f"{failed.status} {failed.reason}", list(failed.headers), sys.exc_info())
            body = [failed.body] if isinstance(failed.body, bytes) else failed.body
        if record.streamed:
            return _Counted(body, record, lambda: self._write(environ, record, began))
        whole = _gathered(body)
        record.sent = len(whole)
        self._write(environ, record, began)
        return [whole]

    def _write(self, environ: Environ, record: Record, began: float) -> None:
        if self._writer is None:
            return
        line = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "id": record.id,
            "method": environ["REQUEST_METHOD"][:32],
            "path": raw_target(environ)[0][:1024],
            "status": record.status,
            "bytes": record.sent,
            "ms": round((perf_counter() - began) * 1000, 3),
            "upstream": record.upstream[:512] or None,
            "upstream_ms": record.upstream_ms,
        }
        if record.error:
            line["error"] = record.error[:256]
        if self._writer.lost:
            line["lost"] = self._writer.lost
        self._writer.write(dumps(line))


def _gathered(body: Iterable[bytes]) -> bytes:
    try:
        return b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()


class _Counted:
    """A body that counts its bytes and tells when it is closed."""

    def __init__(self, body: Iterable[bytes], record: Record, closed: Callable[[], None]) -> None:
        self._body = body
        self._record = record
        self._closed: Callable[[], None] | None = closed

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            self._record.sent += len(piece)
            yield piece

    def close(self) -> None:
        """End the body and write the line; once, however often the server calls."""
        closed, self._closed = self._closed, None
        if closed is None:
            return
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            closed()
