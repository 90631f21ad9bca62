"""Commands that change an instance take turns.

A deploy whose controller dies leaves its last command running on the target; the next deploy takes the lock over
and may come to the same processes while that command still waits for a drain. A removal takes its turn as well
(`mooring.host.daemon clear`, which has the rule).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mooring.host.daemon import DaemonError, take_turn
from mooring.host.errors import HostError


@contextmanager
def alone(run_dir: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the instance's folder of status sockets by flock(2), which ends with the process. HostError."""
    try:
        folder = take_turn(run_dir, progress)
    except DaemonError as error:
        raise HostError(str(error)) from error
    except OSError as error:
        raise HostError(f"--run-dir {run_dir}: {error.strerror}") from error
    try:
        yield
    finally:
        os.close(folder)
