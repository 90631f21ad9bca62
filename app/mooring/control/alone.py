"""Commands that change an instance take turns.

A deploy whose controller dies leaves its last command running on the target; the next deploy takes the lock over
and may come to the same processes while that command still waits for a drain.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mooring.control.errors import ControlError
from mooring.control.server import polling

PATIENCE = 900.0
"""Seconds to wait for the command before: longer than the longest drain that playbooks allow."""


@contextmanager
def alone(run_dir: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the instance's folder of private sockets by flock(2), which ends with the process. ControlError."""
    try:
        folder = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ControlError(f"--run-dir {run_dir}: {error.strerror}") from error
    try:
        _take(folder, run_dir, progress)
        yield
    finally:
        os.close(folder)


def _take(folder: int, run_dir: Path, progress: Callable[[str], None]) -> None:
    if _taken(folder):
        return
    progress("waiting for the end of another command that changes this instance")
    if not any(_taken(folder) for _ in polling(PATIENCE)):
        raise ControlError(
            f"another command that changes this instance has not ended for {PATIENCE:g} s:"
            f" `fuser {run_dir}` tells which; end it, and run this again"
        )


def _taken(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
