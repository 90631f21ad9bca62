"""How the values of settings are read from text: each takes the text, returns the value or raises ValueError.

The error's text is what the value may be, so that it can follow "allowed:" in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit


class Secret:
    """A text that never shows itself: not in repr, str, formatting or a traceback's locals."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._text)


def switch(text: str) -> bool:
    """Read on or off."""
    if text not in ("on", "off"):
        raise ValueError("on or off")
    return text == "on"


def url(text: str) -> str:
    """Read a base URL; a slash at its end is dropped."""
    problem = "an http:// or https:// URL without query, fragment or user, for example https://aai:8443/aai"
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError as error:
        raise ValueError(problem) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(problem)
    if parts.query or parts.fragment or not re.fullmatch(r"[!-~]+", text):
        raise ValueError(problem)
    return text.rstrip("/")


def origins(text: str) -> tuple[str, ...]:
    """Read a list of origins."""
    problem = "origins (http:// or https://, host, port) separated by commas, for example https://images:8443"
    found = []
    for part in text.split(","):
        try:
            origin = url(part.strip())
        except ValueError as error:
            raise ValueError(problem) from error
        if urlsplit(origin).path:
            raise ValueError(problem)
        found.append(origin)
    return tuple(found)


def segment(text: str) -> str:
    """Read a segment of a path."""
    if not re.fullmatch(r"[0-9A-Za-z_-][0-9A-Za-z._-]*", text):
        raise ValueError("letters, digits, '_', '-' and '.', for example v13")
    return text


def user(text: str) -> str:
    """Read a user name of HTTP's Basic authentication."""
    if ":" in text or not text.isprintable():
        raise ValueError("printable characters without a colon (RFC 7617, section 2)")
    return text


def file(text: str) -> Path:
    """Read the path of a file that can be read."""
    if not text.startswith("/"):
        raise ValueError("an absolute path of a file")
    try:
        with Path(text).open("rb"):
            pass
    except OSError as error:
        raise ValueError(f"an absolute path of a file that can be read ({error.strerror})") from error
    return Path(text)


def seconds(lowest: float) -> Callable[[str], float]:
    """Make a cast that takes a number of seconds, fractions allowed."""

    def cast(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or float(text) < lowest:
            raise ValueError(f"a number of seconds, at least {lowest:g}, for example 30 or 0.5")
        return float(text)

    return cast


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Make a cast that takes a whole number within these bounds, both included."""

    def cast(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return int(text)

    return cast


def hosts(text: str) -> tuple[str, ...]:
    """Read a list of hosts, as they may stand in a Host field."""
    names = tuple(part.strip().lower() for part in text.split(","))
    for name in names:
        if name != "*" and not re.fullmatch(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", name):
            raise ValueError(
                "host names without ports, separated by commas;"
                " .example.org stands for the domain and all below it, * for any host"
            )
    return names
