"""Applications that the worker's tests have served: each one thing, all plain WSGI."""

from __future__ import annotations

import json
from typing import Any

TEXT = ("Content-Type", "text/plain")


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer "METHOD path?query body"."""
    path = environ["PATH_INFO"] + ("?" + environ["QUERY_STRING"] if environ["QUERY_STRING"] else "")
    body = environ["wsgi.input"].read()
    start_response("200 OK", [TEXT])
    return [f"{environ['REQUEST_METHOD']} {path} ".encode("latin-1") + body]


def show_environ(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer the environ's strings as JSON."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({key: value for key, value in environ.items() if isinstance(value, str)}).encode()]
