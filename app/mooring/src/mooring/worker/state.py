"""What a worker tells of itself: who it is, how far it is, what it has counted."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass, field
from typing import Any

from mooring.settings import Settings
from mooring.worker import forks

STARTING, READY, DRAINING = "starting", "ready", "draining"

PAGE = resource.getpagesize()


@dataclass
class Counters:
    """Counted since the start. ``open`` alone goes down again."""

    requests: int = 0
    accepted: int = 0
    open: int = 0
    refused: int = 0
    errors: int = 0
    timeouts: int = 0
    gone: int = 0
    accept_errors: int = 0


@dataclass
class State:
    """The state of this worker, as its status socket tells it."""

    settings: Settings
    phase: str = STARTING
    counters: Counters = field(default_factory=Counters)
    started_at: float = field(default_factory=time.time)
    _statm: int = field(default_factory=lambda: os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC))

    def __post_init__(self) -> None:
        """Have a forked child close what is this process's."""
        forks.on_child(lambda: os.close(self._statm))

    def ready(self) -> dict[str, Any]:
        """Return the answer to ``ready``."""
        return {
            "ready": self.phase == READY,
            "state": self.phase,
            "pid": os.getpid(),
            "instance": self.settings.instance,
            "colour": self.settings.colour,
            "number": self.settings.number,
            "release": self.settings.release,
            "framework": self.settings.framework,
        }

    def stats(self, log_lines_dropped: int) -> dict[str, Any]:
        """Return the answer to ``stats``: that of ``ready``, and the counters."""
        counted = {name: getattr(self.counters, name) for name in Counters.__dataclass_fields__}
        return {
            **self.ready(),
            **counted,
            "log_lines_dropped": log_lines_dropped,
            "resident_bytes": self.resident_bytes(),
            "started_at": self.started_at,
        }

    def resident_bytes(self) -> int:
        """Return the resident memory of this process (proc(5), statm), also when no descriptor is left."""
        return int(os.pread(self._statm, 256, 0).split()[1]) * PAGE
