"""The PROXY protocol, version 2: a load balancer says who the client is, before the client's first byte.

Source: "The PROXY protocol", W. Tarreau, section 2.2 (haproxy, doc/proxy-protocol.txt).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable

from mooring.worker.forwarded import text_of
from mooring.worker.grammar import RefusedError

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
MAX_LENGTH = 4096
"""Most bytes of addresses and further vectors that are read."""

_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21


def read_header(read: Callable[[int], bytes]) -> tuple[str, int] | None:
    """Read a header by ``read`` (which returns exactly that many bytes), return the client's address and port.

    None: the proxy speaks for itself (a health check). Raises RefusedError when it is not a header of version 2.
    """
    signature = read(16)
    if signature[:12] != SIGNATURE:
        raise RefusedError(
            400, "a trusted proxy did not send a PROXY protocol v2 header (MOORING_PROXY_PROTOCOL)"
        )
    command, family, length = struct.unpack("!BBH", signature[12:])
    if command not in (_LOCAL, _PROXY) or length > MAX_LENGTH:
        raise RefusedError(400, "a PROXY protocol header of another version, or too long")
    addresses = read(length) if length else b""
    if command == _LOCAL:
        return None
    if family == _TCP4 and length >= 12:
        source, port = addresses[:4], addresses[8:10]
    elif family == _TCP6 and length >= 36:
        source, port = addresses[:16], addresses[32:34]
    else:
        raise RefusedError(400, "a PROXY protocol header without a TCP address")
    return text_of(ipaddress.ip_address(source)), int.from_bytes(port, "big")
