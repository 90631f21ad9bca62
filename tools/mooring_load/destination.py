"""Where the traffic goes: the base URL, resolved once, and refused where a load would be an attack."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from mooring_load.usage import UsageError

PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Destination:
    """A server to connect to, the Host header's value, and the base path of every request.

    `tls` is None where plain HTTP is spoken; else `name` is whose certificate is wanted.
    """

    family: socket.AddressFamily
    address: Any
    host: str
    base: str
    tls: ssl.SSLContext | None = None
    name: str = ""


def resolve(
    url: str, unix_socket: str | None, allowed: frozenset[str], tls: Callable[[], ssl.SSLContext]
) -> Destination:
    """Return the destination of `url`, or of the unix socket with `url`'s Host and path; `tls` makes what https needs.

    Only loopback and private addresses are accepted (RFC 1918, RFC 4193, link-local), and the hosts named in
    `allowed`: a load is for machines of one's own.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise UsageError(f"--url {url}: want http://host[:port][/base], or https://")
    if parts.query or parts.fragment or parts.username:
        raise UsageError(f"--url {url}: want no query, fragment or user; name paths with --get and --post")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError as error:
        raise UsageError(f"--url {url}: {error}") from None
    base = parts.path.rstrip("/")
    secured = (tls() if parts.scheme == "https" else None, parts.hostname)
    if unix_socket:
        return Destination(socket.AF_UNIX, unix_socket, parts.netloc, base, *secured)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"--url {url}: cannot resolve {parts.hostname}: {error.strerror or error}") from None
    family, _, _, _, address = found[0]
    if parts.hostname not in allowed and not ipaddress.ip_address(str(address[0]).split("%")[0]).is_private:
        raise UsageError(
            f"--url {url}: {address[0]} is a public address. If the machine is yours, say so: "
            f"--allow {parts.hostname}"
        )
    return Destination(family, address, parts.netloc, base, *secured)
