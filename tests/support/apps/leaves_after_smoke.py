"""An application that ends its process shortly after its first answer, from a thread that the hub does not know."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from eventlet.patcher import original


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer, and leave."""

    def leave() -> None:
        original("time").sleep(0.1)
        os.write(2, b"leaving after the first answer\n")
        os._exit(3)

    original("_thread").start_new_thread(leave, ())
    start_response("200 OK", [("Content-Length", "0")])
    return []
