"""Counts what becomes of the requests: totals, the timeline, the operations' shares, one line per failure.

Latencies are those of right responses alone: a refusal is fast, and would make a bad time look good. The
timeline has a row for every 100 ms; a mark ends the row before its time, so that a row is never half inside
of an operation.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, TextIO

from mooring_load.histogram import Histogram
from mooring_load.operations import Operations
from mooring_load.outcome import FAILURES, Outcome

TICK: Final = 0.1
BEFORE: Final = 10.0
"""Seconds before an operation that it is compared with, as far as no other operation went on in them."""
FAILURES_LISTED: Final = 10_000
TIMELINE: Final = "timeline.jsonl"
FAILURES_FILE: Final = "failures.jsonl"
POSTS: Final = "posts.tsv"


@dataclass(slots=True)
class IdleCloses:
    """Kept connections that the server ended between two responses, which is its right: nothing failed."""

    announced: int = 0
    eof: int = 0
    reset: int = 0


@dataclass(slots=True)
class _Row:
    """The timeline's present row; `quiet` and `busy` are latencies outside of and in operations."""

    start: float
    requests: int = 0
    quiet: Histogram = field(default_factory=Histogram)
    busy: Histogram = field(default_factory=Histogram)
    failures: Counter[str] = field(default_factory=Counter)


class Recorder:
    """Takes every outcome; `now` arguments are seconds since the run began."""

    def __init__(self, folder: Path, longest_request: float) -> None:
        self._longest_request = longest_request
        self._timeline = _opened(folder / TIMELINE)
        self._failure_lines = _opened(folder / FAILURES_FILE)
        self._posts = _opened(folder / POSTS)
        self.operations = Operations()
        self.failures: Counter[str] = Counter()
        self.outside: Counter[str] = Counter()
        self.by_label: dict[str, Counter[str]] = {}
        self.holders: Counter[str] = Counter()
        self.idle_closes = IdleCloses()
        self.requests = 0
        self.latencies = Histogram()
        self.retried = 0
        self.not_closed = 0
        self.connections: Counter[str] = Counter()
        self.longest_pause = (0.0, 0.0)
        self.longest_lag = 0.0
        self._last_right: float | None = None
        self._row = _Row(0.0)
        self._quiet_rows: deque[tuple[float, float, Histogram]] = deque()

    def finish(self, outcome: Outcome) -> None:
        """Count one request that has come to its end, right or failed."""
        self.requests += 1
        self._row.requests += 1
        counts = self.by_label.setdefault(f"{outcome.label} ({outcome.connection})", Counter())
        counts["requests"] += 1
        operations = self.operations.during(outcome.intended, outcome.ended)
        for operation in operations:
            operation.requests += 1
        if outcome.counted:
            state = outcome.failure or "ok"
            self._posts.write(
                f"{outcome.id}\t{outcome.intended:.4f}\t{outcome.ended:.4f}\t{state}\t{int(outcome.sent)}\n"
            )
        if outcome.retried:
            self.retried += 1
        if outcome.failure:
            counts["failed"] += 1
            self.fail(outcome)
            return
        latency = outcome.ended - outcome.intended
        self.latencies.add(latency)
        for operation in operations:
            operation.latencies.add(latency)
        (self._row.busy if operations else self._row.quiet).add(latency)
        if outcome.holder is not None:
            self.holders[outcome.holder] += 1
        if self._last_right is not None:
            self._note_pause(self._last_right, outcome.ended)
        self._last_right = outcome.ended

    def fail(self, outcome: Outcome) -> None:
        """Count a failure: of a request, or of one counted as right before unasked bytes came behind it."""
        failure = outcome.failure
        if failure not in FAILURES:
            raise AssertionError(f"no such class of failure: {failure}")
        self.failures[failure] += 1
        self._row.failures[failure] += 1
        operations = self.operations.during(outcome.intended, outcome.ended)
        for operation in operations:
            operation.failures[failure] += 1
        if not operations:
            self.outside[failure] += 1
        if self.failures.total() <= FAILURES_LISTED:
            line = outcome.as_record() | {"operations": [operation.name for operation in operations]}
            self._failure_lines.write(json.dumps(line) + "\n")

    def start_operation(self, name: str, now: float) -> None:
        """Begin an operation; MarkError if one of this name is going on."""
        self.cut(now)
        before = Histogram()
        seconds = 0.0
        for end, span, latencies in self._quiet_rows:
            if end > now - BEFORE:
                before.merge(latencies)
                seconds += span
        self.operations.start(name, now, before, seconds)

    def end_operation(self, name: str, now: float) -> None:
        """End an operation; MarkError if none of this name is going on."""
        self.cut(now)
        self.operations.end(name, now)

    def cut(self, now: float) -> None:
        """End the timeline's present row and begin the next one."""
        row, self._row = self._row, _Row(now)
        both = Histogram()
        both.merge(row.quiet)
        both.merge(row.busy)
        running = self.operations.running
        span = now - row.start
        if row.requests or row.failures or span > 0:
            line = {
                "t": round(row.start, 4),
                "span": round(span, 4),
                "requests": row.requests,
                "failed": row.failures.total(),
                **both.figures(),
                "failures": dict(row.failures),
                "operations": running,
            }
            self._timeline.write(json.dumps(line) + "\n")
        for file in (self._timeline, self._failure_lines, self._posts):
            file.flush()
        if not running:
            self._quiet_rows.append((now, span, row.quiet))
        while self._quiet_rows and self._quiet_rows[0][0] < now - BEFORE:
            self._quiet_rows.popleft()
        self.operations.forget(min(self._last_right or 0.0, now - self._longest_request))

    def close(self, now: float) -> None:
        """End the last row, the last pause and the operations that still go on; write everything out."""
        self._note_pause(self._last_right or 0.0, now)
        self.cut(now)
        self.operations.finish(now)
        for file in (self._timeline, self._failure_lines, self._posts):
            file.close()

    def figures(self) -> dict[str, object]:
        """Return the recorder's part of the summary."""
        failed = self.failures.total()
        return {
            "requests": self.requests,
            "failed": failed,
            "refused": self.failures["refused"],
            "failures": dict(sorted(self.failures.items())),
            "failures_outside_operations": dict(sorted(self.outside.items())),
            "failures_not_listed": max(0, failed - FAILURES_LISTED),
            "retried": self.retried,
            "longest_pause_ms": round(self.longest_pause[0] * 1000, 1),
            "longest_pause_from": round(self.longest_pause[1], 4),
            **self.latencies.figures(),
            "by_request": {label: dict(counts) for label, counts in sorted(self.by_label.items())},
            "connections": dict(self.connections),
            "closed_between_responses": asdict(self.idle_closes),
            "not_closed_after_close": self.not_closed,
            "answered_by": dict(self.holders.most_common()),
            "generator_longest_lag_ms": round(self.longest_lag * 1000, 1),
            "operations": [operation.figures() for operation in self.operations.all],
        }

    def _note_pause(self, since: float, now: float) -> None:
        pause = now - since
        if pause > self.longest_pause[0]:
            self.longest_pause = (pause, since)
        for operation in self.operations.during(since, now):
            operation.longest_pause = max(operation.longest_pause, pause)


def _opened(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", buffering=1 << 16)
