"""The smoke request: one GET to the application before anybody else is served.

It goes through a pair of connected sockets and the worker's own connection loop, so that what it proves is what
clients will get.
"""

from __future__ import annotations

from typing import Any

import eventlet
from eventlet.greenio import GreenSocket

from mooring.settings import Settings
from mooring.worker import engine, failures
from mooring.worker.application import ApplicationError

EXCERPT = 200
"""Characters of a wrong answer's body that are shown."""


def prove(server: Any, settings: Settings) -> None:
    """Send the smoke request to the server's application.

    Raises ApplicationError when the answer is not the expected one, or takes too long.
    """
    name = f"the smoke request GET {settings.smoke_path}"
    answer = b""
    failures.take_last()
    listening = failures.Listening()
    try:
        with eventlet.Timeout(settings.smoke_timeout), listening:
            answer = _ask(server, settings)
    except eventlet.Timeout as error:
        raise ApplicationError(
            f"{name} was not answered within {settings.smoke_timeout:g} s (MOORING_SMOKE_TIMEOUT)"
        ) from error
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line = head.split(b"\r\n", 1)[0].decode("latin-1")
    parts = status_line.split(" ", 2)
    if len(parts) < 2 or parts[1] != str(settings.smoke_status):
        raise ApplicationError(
            f"{name} was answered {status_line!r}, expected {settings.smoke_status}"
            f" (MOORING_SMOKE_PATH, MOORING_SMOKE_STATUS); {_why(head, body, listening.last)}"
        )


def _why(head: bytes, body: bytes, logged: str) -> str:
    """Return the best that is known of why the application answered so."""
    if raised := failures.take_last():
        return f"the application failed: {raised}"
    if logged:
        return f"the application's log says: {logged}"
    for line in head.split(b"\r\n")[1:]:
        field, _, value = line.decode("latin-1").partition(": ")
        if field.lower() == "location":
            return f"it leads to {value}"
    return f"its body starts {body[:EXCERPT].decode('utf-8', 'backslashreplace')!r}"


def survive(settings: Settings) -> None:
    """Wait out the probation, with the hub turning.

    An application that ends its process soon after its first request (a thread of its own that fails, say) does so
    here, where it has no client yet: nobody's request is lost, and the gate sees a worker that was never ready.
    """
    eventlet.sleep(settings.probation)


def _ask(server: Any, settings: Settings) -> bytes:
    ours, theirs = engine.raw_socket.socketpair()
    with GreenSocket(ours) as client:
        server.adopt(theirs)
        client.sendall(
            f"GET {settings.smoke_path} HTTP/1.1\r\nHost: {settings.smoke_host}\r\n"
            "User-Agent: mooring-smoke\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        answer = b""
        while received := client.recv(65536):
            answer += received
        return answer
