"""What the life of a worker needs of this engine (`mooring.worker.engines.Engine`)."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import eventlet
from eventlet import hubs
from eventlet.greenio import GreenSocket
from eventlet.hubs import trampoline
from greenlet import greenlet

from mooring.status_socket import Answers
from mooring.worker.application import WsgiApplication
from mooring.worker.engines import eventlet as package
from mooring.worker.engines.eventlet import base, forked_hub, resolver, semaphores
from mooring.worker.engines.eventlet.hub import Hub
from mooring.worker.engines.eventlet.server import EventletServer
from mooring.worker.engines.eventlet.status_server import EventletStatusServer
from mooring.worker.file_bodies import FileWrapper
from mooring.worker.server import Server
from mooring.worker.state import State


class EventletEngine:
    """Green threads on a hub that is pinned to epoll."""

    ssl = base.raw_ssl

    @staticmethod
    def install() -> None:
        """Pin the hub to epoll, whatever ``EVENTLET_HUB`` says, and make the standard library cooperative."""
        os.environ.pop("EVENTLET_HUB", None)
        hubs.use_hub(Hub)
        eventlet.monkey_patch()
        if not package.RESOLVER_CHOSEN:  # Eventlet has read it: the application finds nothing of ours
            os.environ.pop(package.RESOLVER, None)
        forked_hub.watch(hubs.get_hub())
        semaphores.install()
        if "eventlet.support.greendns" not in sys.modules:
            resolver.install()
        FileWrapper.wait_readable = staticmethod(_wait_readable)

    @staticmethod
    def server(listener: Any, application: WsgiApplication, state: State, tls: Any) -> Server:
        """Return the server that accepts on the listener."""
        return EventletServer(listener, application, state, tls)

    @staticmethod
    def status_server(path: Path, answers: Answers) -> EventletStatusServer:
        """Return what answers at the status socket, for as long as the hub turns."""
        return EventletStatusServer(path, answers)

    @staticmethod
    def exchange(server: Server, request: bytes, timeout: float) -> bytes:
        """Send a request through a pair of connected sockets, return all that is answered. Raises TimeoutError."""
        try:
            with eventlet.Timeout(timeout):
                ours, theirs = base.raw_socket.socketpair()
                with GreenSocket(ours) as client:
                    server.adopt(theirs)
                    client.sendall(request)
                    response = b""
                    while data := client.recv(65536):
                        response += data
                    return response
        except eventlet.Timeout as error:
            raise TimeoutError from error

    @staticmethod
    def sleep(seconds: float) -> None:
        """Wait, with the hub turning."""
        eventlet.sleep(seconds)

    @staticmethod
    def call_later(seconds: float, call: Callable[[], object]) -> None:
        """Have the hub call ``call`` after so many seconds."""
        base.hub().schedule_call_global(seconds, call)

    @staticmethod
    def on_readable(descriptor: int, call: Callable[[], object]) -> None:
        """Have the hub call ``call`` whenever the descriptor can be read."""
        hub = base.hub()
        hub.add(hub.READ, descriptor, lambda _: call(), _nothing, None)

    @staticmethod
    def waiting_frames() -> Iterable[FrameType]:
        """Return the innermost frames of green threads that wait."""
        return [
            one.gr_frame for one in gc.get_objects() if isinstance(one, greenlet) and one.gr_frame is not None
        ]


def _wait_readable(file: Any) -> None:
    trampoline(file, read=True)


def _nothing(*_: Any) -> None:
    """Stand for what Eventlet calls when the descriptor is closed under it, which it never is."""


ENGINE = EventletEngine()
