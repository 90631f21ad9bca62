"""Serving by eventlet.wsgi, until the worker's own connection loop takes its place."""

from __future__ import annotations

import os
import sys
from typing import Any

import eventlet
import eventlet.wsgi
from eventlet.green import socket

from mooring.worker import log
from mooring.worker.application import WsgiApplication
from mooring.worker.state import DRAINING, State


class Server:
    """Serves the application on the listener until it is drained."""

    def __init__(self, listener: Any, application: WsgiApplication, state: State) -> None:
        self._listener = socket.socket(fileno=listener.detach())
        self._application = application
        self._state = state
        self._acceptor: Any = None
        settings = state.settings
        self._options = {
            "log_output": False,
            "debug": False,
            "keepalive": settings.keepalive_timeout,
            "socket_timeout": settings.header_timeout,
            "max_size": settings.max_connections,
        }

    def adopt(self, connection: Any) -> None:
        """Serve one connection that did not come through the listener."""
        protocol_server = eventlet.wsgi.Server(
            connection, "", self._application, debug=False, log_output=False, log=sys.stderr
        )
        eventlet.spawn_n(protocol_server.process_request, ["", connection, "idle"])

    def serve(self) -> int:
        """Serve until drained; return the exit status."""
        self._acceptor = eventlet.spawn(
            eventlet.wsgi.server, self._listener, self._application, **self._options
        )
        try:
            self._acceptor.wait()
        except eventlet.StopServe:
            return 0
        return 0

    def drain(self, why: str) -> None:
        """Stop accepting, finish what is in flight."""
        if self._state.phase == DRAINING:
            return
        self._state.phase = DRAINING
        log.event("drain", why=why)
        devnull = os.open(os.devnull, os.O_RDWR)
        os.dup2(devnull, 0)
        os.close(devnull)
        eventlet.kill(self._acceptor, eventlet.StopServe)
