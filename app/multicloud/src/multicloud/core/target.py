"""The request-target as the client sent it, percent-encoding and all (RFC 9112, section 3.2).

WSGI decodes the path (PEP 3333), and what is decoded cannot be encoded again without a guess. So the server's
own copy of the raw target is used where there is one: ``REQUEST_URI`` (mooring, uWSGI, mod_wsgi) or
``RAW_URI`` (gunicorn).

Clients send UTF-8 in a target as it is, though it should be percent-encoded. It is encoded on its way upstream, byte by
byte. Control bytes and spaces are refused: some servers let them through, and no request line can carry them.

Dot segments go on as they came, too, unless they lead out of the region: its driver was looked up for that region, and
what MSB or the driver makes of the path must stay with both.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_ENCODED = re.compile("%[0-9A-Fa-f]{2}")
_UNSAFE = re.compile(r"[^!-~]")
_REFUSED = re.compile(r"[\x00-\x20\x7f]|[^\x00-\xff]")
"""What no target may hold as it is: control bytes, spaces, and what cannot be a byte (PEP 3333)."""
_PATH_SAFE = "/~!$&'()*+,;=:@"
_ENCODED_DOT = re.compile("%2e", re.IGNORECASE)
_PARAMETERS = re.compile("(?:;|%3b).*", re.IGNORECASE | re.DOTALL)
_MAYBE_SLASHES = ("%2f", r"\\", "%5c")
"""What some servers take for a slash, and others for a character of a name."""
_SPLITTERS = tuple(
    re.compile("|".join(("/", *others)), re.IGNORECASE)
    for count in range(len(_MAYBE_SLASHES) + 1)
    for others in combinations(_MAYBE_SLASHES, count)
)
"""Each way to split a path into segments."""


def is_sound(environ: dict[str, Any]) -> bool:
    """Tell whether the target, as sent, holds no control byte and no space."""
    return not (_REFUSED.search(_sent(environ)) or _REFUSED.search(environ.get("QUERY_STRING", "")))


def _sent(environ: dict[str, Any]) -> str:
    return environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""


def raw_target(environ: dict[str, Any]) -> tuple[str, str]:
    """Return path and query as sent, in visible ASCII; the query starts with its question mark, or is empty.

    The path is that below SCRIPT_NAME, where the server has one. Falls back to encoding the decoded path if the server
    keeps no raw target, or if something between server and application changed the path.
    """
    decoded = environ.get("PATH_INFO", "")
    raw = _sent(environ)
    absolute = _AUTHORITY.match(raw)
    path = (raw[absolute.end() :] if absolute else raw).partition("#")[0].partition("?")[0]
    if script := environ.get("SCRIPT_NAME"):
        path = _after(path, len(script))
    if unquote_to_bytes(path.encode("latin-1", "replace")).decode("latin-1") != decoded:
        path = quote(decoded.encode("latin-1", "replace"), safe=_PATH_SAFE)
    query = environ.get("QUERY_STRING", "")
    return visible(path), visible(f"?{query}" if query or raw.endswith("?") else "")


def _after(path: str, length: int) -> str:
    """Return what follows so many characters of the decoded path, as sent."""
    position = 0
    for _ in range(length):
        position += 3 if _ENCODED.match(path, position) else 1
    return path[position:]


def below_prefix(environ: dict[str, Any], prefix: str) -> str | None:
    """Return the raw target after the prefix; None if the prefix is not there with slashes as separators.

    An encoded slash is a character of a segment, not a separator (RFC 3986, section 2.2), though a decoded
    path cannot tell. Any other character of the prefix may come encoded.
    """
    path, query = raw_target(environ)
    count = prefix.count("/")
    segments = path.split("/", count + 1)
    if unquote("/".join(segments[: count + 1])) != prefix or "%2f" in "/".join(segments[: count + 1]).lower():
        return None
    return "/" + segments[count + 1] + query


def leaves(rest: str, region: list[str]) -> bool:
    """Tell whether a path and query, as sent, lead out of the path's first segments, ``region``, by dot segments.

    Servers read ``..%2f``, a backslash or ``..;a`` in several ways, and what comes after us is not known. So the path leads out
    if it does so in any of them (RFC 3986, section 5.2.4; a parameter is dropped, an empty segment is none). What is
    encoded twice is a name.
    """
    path = _ENCODED_DOT.sub(".", rest.partition("?")[0])
    return ".." in path and any(_leads_out(splitter.split(path), region) for splitter in _SPLITTERS)


def _leads_out(segments: list[str], region: list[str]) -> bool:
    names: list[str] = []
    for segment in segments:
        name = _PARAMETERS.sub("", segment)
        if name == "..":
            if not names:
                return True  # above the driver, whose name the client does not know
            names.pop()
        elif name not in ("", "."):
            names.append(unquote(name))
    return names[: len(region)] != region


def visible(text: str) -> str:
    """Return the text with everything percent-encoded that is not visible ASCII."""
    return _UNSAFE.sub(lambda found: quote(found[0].encode("latin-1", "replace")), text)
