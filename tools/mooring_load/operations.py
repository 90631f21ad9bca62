"""Operations on the server, marked from outside while the load runs, and what each did to the requests.

A request belongs to every operation that was going on at any moment between its intended start and its end,
so that one that was sent during a restart and timed out long after it is the restart's. A pause (the time
between two right responses) belongs to every operation that it overlaps.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mooring_load.histogram import Histogram


class MarkError(Exception):
    """A mark that contradicts an earlier one; the message says which."""


@dataclass(slots=True)
class Operation:
    """One operation. Times are seconds since the run began."""

    name: str
    start: float
    before: Histogram
    before_seconds: float
    end: float | None = None
    unfinished: bool = False
    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latencies: Histogram = field(default_factory=Histogram)
    longest_pause: float = 0.0

    def overlaps(self, start: float, end: float) -> bool:
        """Say whether the operation was going on at any moment between the two times."""
        return start <= (end if self.end is None else self.end) and end >= self.start

    def figures(self) -> dict[str, object]:
        """Return the operation's part of the summary; milliseconds and seconds as the names say."""
        before, during = self.before.figures(), self.latencies.figures()
        p99_before, p99_during = before["p99_ms"], during["p99_ms"]
        end = self.start if self.end is None else self.end
        return {
            "name": self.name,
            "start": round(self.start, 4),
            "end": round(end, 4),
            "seconds": round(end - self.start, 3),
            "unfinished": self.unfinished,
            "requests": self.requests,
            "failed": sum(self.failures.values()),
            "refused": self.failures["refused"],
            "failures": dict(sorted(self.failures.items())),
            "longest_pause_ms": round(self.longest_pause * 1000, 1),
            **during,
            "before": {"requests": self.before.count, "seconds": round(self.before_seconds, 1), **before},
            "p99_ratio": round(p99_during / p99_before, 2) if p99_before and p99_during else None,
        }


class Operations:
    """All operations of a run, in the order of their starts."""

    def __init__(self) -> None:
        self.all: list[Operation] = []
        self._recent: list[Operation] = []

    @property
    def running(self) -> list[str]:
        """Return the names of the operations that are going on."""
        return [operation.name for operation in self._recent if operation.end is None]

    def start(self, name: str, now: float, before: Histogram, before_seconds: float) -> Operation:
        """Begin an operation, or raise MarkError if one of this name is going on."""
        if name in self.running:
            raise MarkError(
                f"operation {name!r} was started and not ended; end it, or give this one another name"
            )
        operation = Operation(name, now, before, before_seconds)
        self.all.append(operation)
        self._recent.append(operation)
        return operation

    def end(self, name: str, now: float) -> Operation:
        """End the operation of this name, or raise MarkError if none is going on."""
        for operation in self._recent:
            if operation.name == name and operation.end is None:
                operation.end = now
                return operation
        running = ", ".join(self.running) or "none"
        raise MarkError(f"operation {name!r} is not going on (going on: {running}); start it first")

    def during(self, start: float, end: float) -> list[Operation]:
        """Return the operations that were going on at any moment between the two times."""
        return [operation for operation in self._recent if operation.overlaps(start, end)]

    def forget(self, before: float) -> None:
        """Leave operations that ended before this time out of `during`: no request or pause is that old."""
        self._recent = [
            operation for operation in self._recent if operation.end is None or operation.end >= before
        ]

    def finish(self, now: float) -> None:
        """End what was never ended, and mark it as unfinished."""
        for operation in self._recent:
            if operation.end is None:
                operation.end = now
                operation.unfinished = True
