"""WSGI applications for the workers of the functional tests: a good one, and some that fail in their ways."""

import ctypes
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

Start = Callable[..., Any]


def good(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    """Answer with the worker's pid; /sleep-in-c, /burn and their like keep the worker from its work."""
    path, seconds = environ["PATH_INFO"], float(environ.get("QUERY_STRING") or 0)
    end = time.monotonic() + seconds
    if path == "/sleep-in-c":
        while time.monotonic() < end:  # a signal ends one sleep
            ctypes.CDLL(None).usleep(int(seconds * 1e6))
    elif path == "/sleep-with-lock":
        while time.monotonic() < end:
            ctypes.PyDLL(None).usleep(int(seconds * 1e6))  # keeps the interpreter's lock: nothing else runs
    elif path == "/sleep-once":
        ctypes.CDLL(None).usleep(int(seconds * 1e6))
    elif path == "/burn":
        while time.monotonic() < end:
            pass
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def answers_500(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    """Answer the smoke request wrongly."""
    start_response("500 Internal Server Error", [("Content-Length", "0")])
    return []


def hangs(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    """Hang in the smoke request, in C."""
    while True:
        ctypes.PyDLL(None).sleep(600)
