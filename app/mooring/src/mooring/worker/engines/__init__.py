"""Engines: how a worker waits, and what runs beside what. The rest of the worker knows them by `Engine` alone.

An engine is a package in here. Nothing outside imports it by name, so that its libraries are loaded, and the standard
library is changed, only in a worker that runs on it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Protocol

from mooring.status_socket import Answers
from mooring.worker.application import WsgiApplication
from mooring.worker.server import Server
from mooring.worker.state import State


class StatusServer(Protocol):
    """The worker's side of its status socket."""

    def start(self) -> None:
        """Bind and begin to answer. Raises OSError."""

    def stop(self) -> None:
        """Stop listening, and remove the socket's file unless a successor has put its own there."""


class Engine(Protocol):
    """What a worker's life needs of its engine. Seconds everywhere."""

    ssl: ModuleType
    """The module of whose contexts its connections are made."""

    def install(self) -> None:
        """Make the process ready. To be called before the application is imported: what it imports may be changed."""

    def server(self, listener: Any, application: WsgiApplication, state: State, tls: Any) -> Server:
        """Return the server that accepts on the listener."""

    def status_server(self, path: Path, answers: Answers) -> StatusServer:
        """Return what answers at the status socket, for as long as this process is not blocked, and no longer."""

    def exchange(self, server: Server, request: bytes, timeout: float) -> bytes:
        """Send a request to the server as a client would, and return all that it answers. Raises TimeoutError."""

    def sleep(self, seconds: float) -> None:
        """Wait, while everything else goes on."""

    def call_later(self, seconds: float, call: Callable[[], object]) -> None:
        """Have ``call`` called after so many seconds."""

    def on_readable(self, descriptor: int, call: Callable[[], object]) -> None:
        """Have ``call`` called whenever the descriptor can be read, also while requests are waited for."""

    def waiting_frames(self) -> Iterable[FrameType]:
        """Return the innermost frames of what waits and is no thread of the operating system."""


def load(name: str) -> Engine:
    """Import the engine of that name (a package in here) and return it."""
    engine: Engine = importlib.import_module(f"{__name__}.{name}.engine").ENGINE
    return engine
