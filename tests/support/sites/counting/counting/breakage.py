"""The ways in which a release is broken on purpose, named by LOAD_BREAK; anything else serves well."""

from __future__ import annotations

import os
import threading

EXIT_AFTER = 0.3
"""Seconds between the smoke request and the exit of `exit`: less than supervisord's startsecs."""
_HOW = os.environ.get("LOAD_BREAK", "")


def at_import() -> None:
    """Break while the application is loaded."""
    if _HOW == "import":
        raise RuntimeError("this release is broken on purpose")
    if _HOW == "dependency":
        import a_package_that_nobody_has_installed  # type: ignore[import-not-found]  # noqa: F401
    if _HOW == "hang":
        threading.Event().wait()


def at_smoke() -> int:
    """Break at the smoke request; returns the status to answer with."""
    if _HOW == "exit":
        _exit_soon()
    return 503 if _HOW == "smoke" else 200


def _exit_soon() -> None:
    """End the process shortly after it has become ready, from a thread that the hub does not know."""
    import eventlet.patcher

    time = eventlet.patcher.original("time")
    thread = eventlet.patcher.original("_thread")

    def leave() -> None:
        time.sleep(EXIT_AFTER)
        os.write(2, b"this release leaves after it was ready\n")
        os._exit(3)

    thread.start_new_thread(leave, ())
