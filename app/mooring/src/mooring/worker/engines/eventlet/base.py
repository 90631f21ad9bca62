"""The unpatched modules for the worker's own plain sockets, and the hub.

The connection loop uses the original ``socket``, ``ssl``, ``os`` and ``select``: their calls never switch green threads
behind its back; it waits on the hub itself.
"""

from __future__ import annotations

from typing import Any

import eventlet
from eventlet import hubs, patcher

raw_socket: Any = patcher.original("socket")
raw_ssl: Any = patcher.original("ssl")
raw_os: Any = patcher.original("os")
raw_select: Any = patcher.original("select")


def accept(listener: Any, family: int) -> tuple[Any, Any]:
    """Accept one connection on a stream socket of that family; return a plain socket and the peer's address.

    ``socket.accept`` does the same and spends a fifth of the call on turning family and type into enums. Raises
    OSError as accept(2) does.
    """
    descriptor, address = listener._accept()
    return raw_socket.SocketType(family, raw_socket.SOCK_STREAM, 0, descriptor), address


def hub() -> Any:
    """Return the hub of this thread."""
    return hubs.get_hub()


def yield_turn() -> None:
    """Let every other green thread that can run do so, then go on."""
    eventlet.sleep(0)
