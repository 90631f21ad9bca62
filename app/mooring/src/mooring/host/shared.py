"""What all instances of a root share is made by one command at a time: supervisord, and the virtualenvs of a folder.

An instance's own lock (`mooring.host.lock`) does not keep the command of another instance away. Python 3.8's standard library
alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(folder: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Keep other commands out while the block runs, by flock(2) on the folder, which ends with the process. OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for the command of another instance that is at work in {folder}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
