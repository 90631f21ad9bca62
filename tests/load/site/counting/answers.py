"""What both frameworks answer: the smoke body, a counted POST, the version of the code."""

from __future__ import annotations

import json
import os

from counting.version import VERSION
from mooring_load.app import SMOKE_BODY, count

HOLDER = {"X-Load-Worker": f"{os.getpid()}/{os.environ.get('MOORING_RELEASE', '')}"}
"""The header by which the load generator tells who has answered."""


def smoke() -> str:
    """Answer the smoke request."""
    return SMOKE_BODY.decode()


def counted(body: bytes) -> str:
    """Count the POST's id and echo it."""
    identifier = json.loads(body)["id"]
    count(identifier)
    return str(identifier)


def version(framework: str) -> str:
    """Tell which code answers."""
    return f"{framework} {VERSION} {os.environ.get('LOAD_SETTING', '')}".strip()
