"""What the server's own logs say of the time around a failure: who lived then, and what they did."""

from __future__ import annotations

import calendar
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LINES = 60
"""Lines of a log that a failure quotes."""
_SPAWNED = re.compile(r"spawned: '(?P<name>.+)' with pid (?P<pid>[0-9]+)")
_ENDED = re.compile(r"(?:stopped|exited): (?P<name>.+) \(")


@dataclass
class Life:
    """A process as supervisord's log tells of it; times of the wall clock, `end` None while it runs."""

    pid: int
    name: str
    start: float
    end: float | None = None


def lives(log: Path) -> list[Life]:
    """List every process that supervisord has started; numbered workers go by their number alone there."""
    found: list[Life] = []
    for when, line in _lines(log):
        if spawned := _SPAWNED.search(line):
            found.append(Life(int(spawned["pid"]), spawned["name"], when))
        elif ended := _ENDED.search(line):
            running = [life for life in found if life.name == ended["name"] and life.end is None]
            if len(running) == 1:  # two colours' workers have the same number: then both stay candidates
                running[0].end = when
    return found


def between(log: Path, start: float, end: float) -> list[str]:
    """Return the lines of supervisord's log, or of a worker's, between two times of the wall clock."""
    found = [line for when, line in _lines(log) if start <= when <= end]
    return found[-LINES:]


def _lines(log: Path) -> Iterator[tuple[float, str]]:
    """Yield the lines with their times; one without a time has that of the line before."""
    when = 0.0
    for line in log.read_text(errors="replace").splitlines():
        when = _time_of(line) or when
        yield when, line


def _time_of(line: str) -> float | None:
    """Read the time of supervisord's lines (local) and of workers' lines of JSON (UTC)."""
    if line.startswith("{"):
        try:
            stamp = json.loads(line)["time"]
        except (ValueError, KeyError):
            return None  # cut short by a process that was killed
        return calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) + float(stamp[19:-1])
    try:
        return time.mktime(time.strptime(line[:19], "%Y-%m-%d %H:%M:%S")) + int(line[20:23]) / 1000
    except ValueError:
        return None
