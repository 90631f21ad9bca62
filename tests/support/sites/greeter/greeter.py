"""A site of somebody else's: what each deploy test breaks, and what the whole ones serve."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
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


def itself() -> dict[str, Any]:
    """Tell what this process finds, and what it may write: what came of it, by path."""
    umask = os.umask(0)
    os.umask(umask)
    places = {
        "beside the code": Path(__file__).with_name("written"),
        "in its folder": Path("written"),
        "data": Path(os.environ["MOORING_DATA_DIR"]) / "written",
    }
    written = {name: write(path) for name, path in places.items()}
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    may = {"core": resource.getrlimit(resource.RLIMIT_CORE), "no_new": status["NoNewPrivs"], "umask": umask}
    return {"environ": dict(os.environ), "uid": os.getuid(), "written": written, **may}


def write(path: Path) -> str:
    """Write the file; what came of it."""
    try:
        path.write_text("x")
    except OSError as error:
        return str(error.strerror)
    return "written"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Greet; break in the way that GREETER_BREAK names."""
    if HOST and environ["HTTP_HOST"] != HOST:
        start_response("400 Bad Request", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []
    if BREAK == "smoke":
        start_response("503 Service Unavailable", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [b"sick\n"]
    if environ["PATH_INFO"] == "/itself":
        told = json.dumps(itself()).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(told)))])
        return [told]
    body = f"{GREETING} {os.environ.get('GREETER_SECRET', '')}".strip().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def make_app() -> Callable[..., Iterable[bytes]]:
    """Make the application, as a factory."""
    return application


if __name__ == "__main__":  # as a companion
    told = Path(os.environ["MOORING_DATA_DIR"]) / "companion.json"
    told.with_suffix(".part").write_text(json.dumps(itself()))
    told.with_suffix(".part").replace(told)
    signal.pause()
