"""The smoke request: one GET to the application before anybody else is served.

It goes through a pair of connected sockets and the engine's own connections, so that what it proves is what clients
will get.
"""

from __future__ import annotations

from mooring.settings import Settings
from mooring.worker import failures
from mooring.worker.application import ApplicationError
from mooring.worker.engines import Engine
from mooring.worker.server import Server

EXCERPT = 200
"""Characters of a wrong answer's body that are shown."""


def prove(engine: Engine, server: Server, settings: Settings) -> None:
    """Send the smoke request to the server's application.

    Raises ApplicationError when the answer is not the expected one, or takes too long.
    """
    name = f"the smoke request GET {settings.smoke_path}"
    request = (
        f"GET {settings.smoke_path} HTTP/1.1\r\nHost: {settings.smoke_host}\r\n"
        "User-Agent: mooring-smoke\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ).encode("ascii")
    failures.take_last()
    try:
        with failures.Listening() as listening:
            response = engine.exchange(server, request, settings.smoke_timeout)
    except TimeoutError as error:
        raise ApplicationError(
            f"{name} was not answered within {settings.smoke_timeout:g} s (MOORING_SMOKE_TIMEOUT)"
        ) from error
    head, _, body = response.partition(b"\r\n\r\n")
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


def survive(engine: Engine, settings: Settings) -> None:
    """Wait out the probation, with everything running.

    An application that ends its process soon after its first request (a thread of its own that fails, say) does so
    here, where it has no client yet: nobody's request is lost, and the gate sees a worker that was never ready.
    """
    engine.sleep(settings.probation)
