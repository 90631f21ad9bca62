"""A site of somebody else's: what each deploy test breaks, and what the whole ones serve."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

GREETING = os.environ.get("GREETING", "hello")
HOST = os.environ.get("GREETER_HOST", "")
BREAK = os.environ.get("GREETER_BREAK", "")

if BREAK == "import":
    raise RuntimeError("the greeter is broken on purpose")
if BREAK == "hang":
    import threading

    threading.Event().wait()
if BREAK == "dependency":
    import a_package_that_nobody_has_installed  # type: ignore[import-not-found]  # noqa: F401


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Greet; break in the way that GREETER_BREAK names."""
    if HOST and environ["HTTP_HOST"] != HOST:
        start_response("400 Bad Request", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []
    if BREAK == "smoke":
        start_response("503 Service Unavailable", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [b"sick\n"]
    body = f"{GREETING} {os.environ.get('GREETER_SECRET', '')}".strip().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def make_app() -> Callable[..., Iterable[bytes]]:
    """Make the application, as a factory."""
    return application
