"""What both frameworks answer: the smoke body, a counted POST, the version of the code."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from counting.version import VERSION
from mooring_load.app import SMOKE_BODY, count

HOLDER = {"X-Load-Worker": f"{os.getpid()}/{os.environ.get('MOORING_RELEASE', '')}"}
"""The header by which the load generator tells who has answered."""
TICK = 0.1
LONGEST_STREAM = 300.0
"""Seconds between two lines of a stream, and until it ends by itself."""


def smoke() -> str:
    """Answer the smoke request."""
    return SMOKE_BODY.decode()


def counted(body: bytes) -> str:
    """Count the POST's id and echo it."""
    identifier = json.loads(body)["id"]
    count(identifier)
    return str(identifier)


def ticks() -> Iterator[bytes]:
    """Yield a line now and then, until there is a file beside the count with the ending .end."""
    over = Path(f"{os.environ['LOAD_COUNT_FILE']}.end")
    give_up = time.monotonic() + LONGEST_STREAM
    while not over.exists() and time.monotonic() < give_up:
        yield b"tick\n"
        time.sleep(TICK)
    yield b"end\n"


def version(framework: str) -> str:
    """Tell which code answers."""
    return f"{framework} {VERSION} {os.environ.get('LOAD_SETTING', '')}".strip()
