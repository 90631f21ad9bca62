"""A request, and where it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from multicloud.client.exceptions import HTTPError

PORTS = {"http": 80, "https": 443}
WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
"""Methods whose requests have no body as a rule, so that its absence is not told (RFC 9110, section 8.6)."""


class Origin(NamedTuple):
    """Scheme, host and port of a URL (RFC 9110, section 4.3.1): two URLs with the same origin lead to one server."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of an absolute URL."""
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme])


@dataclass(frozen=True)
class Request:
    """A request to send. A body without Content-Length among its headers is sent chunked."""

    method: str
    url: str
    """Sent as it is, to the last character; visible ASCII."""
    headers: dict[str, str]
    body: Iterable[bytes] | None = None
    rewind: Callable[[], bytes | None] = lambda: None
    """Returns the whole body for another time, None if it cannot be had."""

    @property
    def chunked(self) -> bool:
        """Whether the body is sent chunked."""
        return self.body is not None and "Content-Length" not in self.headers

    def head(self, origin: Origin) -> bytes:
        """Return the request as it is sent to its origin, up to its body. Raises HTTPError for a line end within."""
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        if origin.port != PORTS[origin.scheme]:
            host = f"{host}:{origin.port}"
        _, _, rest = self.url.partition("://")
        target = rest[len(urlsplit(self.url).netloc) :]
        if not target.startswith("/"):  # a path that is empty, maybe before a query (RFC 9112, section 3.2.1)
            target = f"/{target}"
        lines = [f"{self.method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.body is None and "Content-Length" not in self.headers and self.method not in WITHOUT_BODY:
            lines.append("Content-Length: 0")
        head = "\r\n".join(lines).encode("latin-1")
        if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
            raise HTTPError("the request holds a line end where none may be")
        return head + b"\r\n\r\n"
