"""Headers on their way through: which are the client's or the driver's, and which end at this hop (RFC 9110, section 7.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields for one connection only: RFC 9110, section 7.6.1, and what PEP 3333 forbids an application to send."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def of_request(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the client's headers that go on to the driver: all but Host, the framing and the hop-by-hop ones.

    WSGI has joined fields of one name already, and has their names in capitals: names are case-insensitive.
    """
    named = _named(environ.get("HTTP_CONNECTION", ""))
    headers = {}
    for key, value in environ.items():
        if not key.startswith("HTTP_"):
            continue
        name = key[5:].replace("_", "-").title()
        if (
            name.lower() not in HOP_BY_HOP
            and name.lower() not in named
            and name not in ("Host", "Content-Length")
        ):
            headers[name] = value
    if (content_type := environ.get("CONTENT_TYPE")) and "content-type" not in named:
        headers["Content-Type"] = content_type
    return headers


_OF_THE_READER = frozenset({"Accept", "Accept-Encoding"})
"""Fields that say what the one who reads the answer can read."""


def of_own_request(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the client's headers that go with a request of our own, which has another body than the client's.

    They are those of a forward, but for what tells of the client's body, and of the responses that it can read: the
    response to this request is read here.
    """
    return without_body(
        {name: value for name, value in of_request(environ).items() if name not in _OF_THE_READER}
    )


def without_body(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a request less those that tell of its body."""
    return {
        name: value
        for name, value in headers.items()
        if name != "Expect" and not name.startswith("Content-")  # RFC 9110, sections 8.3 to 8.7 and 10.1.1
    }


_HARMLESS = frozenset(
    {
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Cache-Control",
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "If-Range",
        "If-Unmodified-Since",
        "Range",
        "User-Agent",
        "X-Request-Id",
        "X-Transactionid",
    }
)
"""Fields that say what is asked for, and nothing of who asks."""


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a request without a body that may go to any origin."""
    return {name: value for name, value in headers.items() if name in _HARMLESS}


def of_response(lines: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the driver's field lines that go on to the client: all but the framing and the hop-by-hop ones.

    Raises ValueError for a name or value that no field may have.
    """
    lines = list(lines)
    ending = HOP_BY_HOP.union(*(_named(value) for name, value in lines if name.lower() == "connection"))
    kept = []
    for name, value in lines:
        if name.lower() in ending or name.lower() == "content-length":
            continue
        if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise ValueError(f"a header field {name!r} that HTTP does not allow")
        kept.append((name, value))
    return kept


def _named(connection: str) -> frozenset[str]:
    """Return the field names that a Connection field declares to be for this hop."""
    return frozenset(name for part in connection.split(",") if (name := part.strip().lower()))
