"""An application in whose process accept(2) fails at first: with an error of one connection, then for want of room."""

from __future__ import annotations

import errno
import os
from typing import Any

from mooring.worker.engines.eventlet import base

FAULTS = [errno.ECONNABORTED] * 3 + [errno.ENFILE, errno.ENOBUFS]

_accept = base.accept


def _failing(listener: Any, family: int) -> tuple[Any, Any]:
    if FAULTS:
        code = FAULTS.pop(0)
        raise OSError(code, os.strerror(code))
    return _accept(listener, family)


base.accept = _failing


def application(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer."""
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
