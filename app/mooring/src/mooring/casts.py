"""How the values of settings are read from text: each takes the text, returns the value or raises ValueError.

The error's text is what the value may be, so that it can follow "allowed:" in a sentence.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

COLOURS = ("blue", "green")
"""The generations' names."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class TrustedProxies:
    """Peers whose word about the client is believed: networks, and perhaps those of unix sockets."""

    networks: tuple[Network, ...] = ()
    unix: bool = False

    def __contains__(self, address: str) -> bool:
        """Tell whether the peer of that textual address (empty: a unix-socket peer) is trusted."""
        if not address:
            return self.unix
        if not self.networks:
            return False
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)  # an IPv4 peer of a dual-stack socket
        return any((mapped or parsed) in network for network in self.networks)

    def __bool__(self) -> bool:
        """Tell whether anybody is trusted at all."""
        return self.unix or bool(self.networks)


def name(text: str) -> str:
    """Read a name that may be part of a file's and a process's name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text):
        raise ValueError("letters, digits, '_', '-' and '.', at most 64, the first a letter or digit")
    return text


def label(text: str) -> str:
    """Read a short text for people."""
    if not text.isprintable() or len(text) > 64:
        raise ValueError("at most 64 printable characters")
    return text


def choice(*allowed: str) -> Callable[[str], str]:
    """Make a cast that takes one of these words."""

    def cast(text: str) -> str:
        if text not in allowed:
            raise ValueError(" or ".join(allowed))
        return text

    return cast


def switch(text: str) -> bool:
    """Read on or off."""
    if text not in ("on", "off"):
        raise ValueError("on or off")
    return text == "on"


ENTRY = r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)(\(\s*(?:[\w./+-]+|'[^'\"()]*'|\"[^'\"()]*\")?\s*\))?"
"""An entry: a module, an attribute, and for a factory its argument: none, a file of the application's, or a quoted text."""


def entry(text: str) -> str:
    """Read where the WSGI application is."""
    if not re.fullmatch(ENTRY, text):
        raise ValueError(
            "module:attribute, module:factory() or module:factory(config.py), for example mysite.wsgi:application"
        )
    return text


def directory(text: str) -> Path:
    """Read a directory's absolute path; it need not exist yet."""
    if not text.startswith("/"):
        raise ValueError("an absolute path of a directory")
    return Path(text)


def file(text: str) -> Path:
    """Read a file's absolute path; it need not exist yet."""
    if not text.startswith("/"):
        raise ValueError("an absolute path of a file")
    return Path(text)


def path_of_url(text: str) -> str:
    """Read the path of a request, query included."""
    if not re.fullmatch(r"/[!-~]*", text) or "#" in text:
        raise ValueError("a path of visible ASCII that starts with '/', with or without a query")
    return text


URL_PREFIX = r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*"
"""A prefix of the paths: folders whose names nobody could write in two ways, or nothing."""


def url_prefix(text: str) -> str:
    """Read a prefix of the paths of requests."""
    if not re.fullmatch(URL_PREFIX, text):
        raise ValueError(
            "folders of letters, digits, '.', '_', '~' and '-', no '/' at the end, for example /billing"
        )
    return text


def host(text: str) -> str:
    """Read a Host field's value."""
    if not re.fullmatch(r"[A-Za-z0-9._\-\[\]:]+", text):
        raise ValueError("a host name or address, with or without a port")
    return text


def whole(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """Make a cast that takes a whole number within these bounds, both included."""
    allowed = f"a whole number from {lowest}" + (f" to {highest}" if highest is not None else "")

    def cast(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise ValueError(allowed)
        value = int(text)
        if value < lowest or (highest is not None and value > highest):
            raise ValueError(allowed)
        return value

    return cast


def seconds(lowest: float, highest: float = math.inf) -> Callable[[str], float]:
    """Make a cast that takes a number of seconds, fractions allowed."""

    def cast(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not lowest <= float(text) <= highest:
            bounds = f"at least {lowest:g}" if highest == math.inf else f"from {lowest:g} to {highest:g}"
            raise ValueError(f"a number of seconds, {bounds}, for example {min(highest, 30):g} or 0.5")
        return float(text)

    return cast


def proxies(text: str) -> TrustedProxies:
    """Read a list of trusted peers."""
    networks: list[Network] = []
    unix = False
    for item in (part.strip() for part in text.split(",")):
        if item == "unix":
            unix = True
            continue
        try:
            networks.append(ipaddress.ip_network(item))
        except ValueError as error:
            raise ValueError(
                "addresses, networks or the word unix, separated by commas, for example 127.0.0.1,10.0.0.0/8"
                f" ({error})"
            ) from error
    return TrustedProxies(tuple(networks), unix)
