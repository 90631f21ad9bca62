"""The PROXY protocol, version 2: a load balancer says who the client is, before the client's first byte.

Source: "The PROXY protocol", W. Tarreau, section 2.2 (haproxy, doc/proxy-protocol.txt).
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

from mooring.http.errors import RequestError
from mooring.http.forwarded import text_of

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
START_SIZE = 16
"""Bytes of its start: signature, command, family, size."""

MAX_LENGTH = 4096
"""Most bytes of addresses and further vectors that are read."""

_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21


class Start(NamedTuple):
    """The start of a header: ``size`` bytes of addresses and further vectors follow."""

    is_local: bool
    family: int
    size: int


def parse_start(data: bytes) -> Start:
    """Parse the first START_SIZE bytes of a connection. Raises RequestError when they begin no header of version 2."""
    if data[:12] != SIGNATURE:
        raise RequestError(
            400, "a trusted proxy did not send a PROXY protocol v2 header (MOORING_PROXY_PROTOCOL)"
        )
    command, family, size = struct.unpack("!BBH", data[12:])
    if command not in (_LOCAL, _PROXY) or size > MAX_LENGTH:
        raise RequestError(400, "a PROXY protocol header of another version, or too long")
    return Start(command == _LOCAL, family, size)


def parse_client(start: Start, addresses: bytes) -> tuple[str, int] | None:
    """Return the client's address and port, given the ``start.size`` bytes behind the start.

    None: the proxy speaks for itself (a health check). Raises RequestError when the client has no TCP address.
    """
    if start.is_local:
        return None
    if start.family == _TCP4 and start.size >= 12:
        source, port = addresses[:4], addresses[8:10]
    elif start.family == _TCP6 and start.size >= 36:
        source, port = addresses[:16], addresses[32:34]
    else:
        raise RequestError(400, "a PROXY protocol header without a TCP address")
    return text_of(ipaddress.ip_address(source)), int.from_bytes(port, "big")
