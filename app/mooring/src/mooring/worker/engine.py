"""Eventlet, as the worker wants it: hub pinned to epoll, and the unpatched modules for its own plain sockets.

Import this module before anything of eventlet. The connection loop uses the original ``socket``, ``ssl``, ``os``
and ``select``: their calls never switch green threads behind its back; it waits on the hub itself.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

with warnings.catch_warnings():
    # Eventlet announces its maintenance mode at each import. We know; other warnings stay.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated\.", category=Warning)
    # Host names are libc's (mooring.worker.names), unless the application's environment says no here
    RESOLVER = "EVENTLET_NO_GREENDNS"
    RESOLVER_CHOSEN = RESOLVER in os.environ
    os.environ.setdefault(RESOLVER, "yes")
    import eventlet

from eventlet import hubs, patcher

from mooring.worker import forked_hub, names, processes
from mooring.worker import hub as hub_class

raw_socket: Any = patcher.original("socket")
raw_ssl: Any = patcher.original("ssl")
raw_os: Any = patcher.original("os")
raw_select: Any = patcher.original("select")

ENDED: int = raw_select.POLLHUP | raw_select.POLLERR | raw_select.POLLNVAL
"""What poll(2) says of a connection that is over in both directions, and of one that we have closed."""


def install() -> None:
    """Pin the hub to epoll, whatever ``EVENTLET_HUB`` says, and make the standard library cooperative.

    To be called before the application is imported: what it imports is patched then.
    """
    os.environ.pop("EVENTLET_HUB", None)
    hubs.use_hub(hub_class.Hub)
    eventlet.monkey_patch()
    if not RESOLVER_CHOSEN:  # Eventlet has read it: the application finds nothing of ours
        os.environ.pop(RESOLVER, None)
    forked_hub.watch(hubs.get_hub())
    processes.install()
    if "eventlet.support.greendns" not in sys.modules:
        names.install()


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
