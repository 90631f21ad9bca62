"""Start a peer that has no command of its own: ``python launch.py <server> <module:attribute>``, the listening socket on fd 0.

Each call is one worker; several share the socket, as Mooring's workers do. Access logs are off, all else is stock.
"""

from __future__ import annotations

import importlib
import socket
import sys
from typing import Any


def _load(entry: str) -> Any:
    module, _, attribute = entry.partition(":")
    found = getattr(importlib.import_module(module), attribute.removesuffix("()"))
    return found() if attribute.endswith("()") else found


def _eventlet(entry: str) -> None:
    import eventlet  # noqa: PLC0415 - each server is imported by its own workers alone

    eventlet.monkey_patch()
    from eventlet import wsgi  # noqa: PLC0415

    listener = eventlet.greenio.GreenSocket(socket.socket(fileno=0))
    wsgi.server(listener, _load(entry), log_output=False)


def _bjoern(entry: str) -> None:
    importlib.import_module("bjoern").server_run(socket.socket(fileno=0), _load(entry))


def _waitress(entry: str) -> None:
    importlib.import_module("waitress").serve(
        _load(entry), sockets=[socket.socket(fileno=0)], connection_limit=2000, asyncore_use_poll=True
    )


def main() -> None:
    """Serve until killed."""
    servers = {"eventlet": _eventlet, "bjoern": _bjoern, "waitress": _waitress}
    servers[sys.argv[1]](sys.argv[2])


if __name__ == "__main__":
    main()
