"""`python -I -m mooring.host`: one call, as JSON on standard input; see `mooring.host.dispatch`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from mooring.host import dispatch, errors
from mooring.host.calls import CALLS


def find(name: str) -> tuple[Callable[..., dict[str, Any]], bool]:
    """Return the function of a call, and whether it only looks. CallError."""
    call = CALLS.get(name)
    if call is None:
        raise errors.CallError(
            f"Mooring as it is installed on this host knows no call {name}: deploy first with this version of Mooring"
        )
    function: Callable[..., dict[str, Any]] = getattr(
        import_module(f"mooring.host.{call.module}"), call.function
    )
    return function, call.looks


if __name__ == "__main__":
    sys.exit(dispatch.serve(find, sys.stdin.buffer, sys.stdout))
