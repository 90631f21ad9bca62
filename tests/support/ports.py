"""Ports for tests that run side by side."""

from __future__ import annotations

import socket

_HELD: list[socket.socket] = []


def free_port(family: socket.AddressFamily = socket.AF_INET) -> int:
    """Return a port of loopback that is free, and that no other test is given while this process runs.

    The socket that holds the port does not listen. So a server with SO_REUSEADDR can take the port, a client
    is refused until then, and the kernel gives the port to nobody who asks for any.
    """
    held = socket.socket(family, socket.SOCK_STREAM)
    held.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not before: the kernel may share a port then
    _HELD.append(held)
    return int(held.getsockname()[1])
