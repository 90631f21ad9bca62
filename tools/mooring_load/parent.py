"""Notices the end of another process, one that is no child of ours."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

_LOOK_EVERY: Final = 0.5


def when_ended(loop: asyncio.AbstractEventLoop, pid: int, then: Callable[[], None]) -> None:
    """Call `then`, once, when the process has ended; on Linux at once, and also if nobody reaps it."""
    if not hasattr(os, "pidfd_open"):
        _look(loop, pid, then)
        return
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        then()
        return

    def ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        then()

    loop.add_reader(descriptor, ended)  # readable when it has ended: pidfd_open(2)


def _look(loop: asyncio.AbstractEventLoop, pid: int, then: Callable[[], None]) -> None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        then()
    except PermissionError:
        loop.call_later(_LOOK_EVERY, _look, loop, pid, then)  # somebody else's, and there
    else:
        loop.call_later(_LOOK_EVERY, _look, loop, pid, then)


async def ended(pid: int) -> None:
    """Wait until the process has ended."""
    over = asyncio.Event()
    when_ended(asyncio.get_running_loop(), pid, over.set)
    await over.wait()
