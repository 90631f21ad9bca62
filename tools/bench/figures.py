"""From runs to figures: medians, ratios with their spread, and the targets that they are held against."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
OURS = "mooring-"


@dataclass(frozen=True)
class Target:
    """A ratio to reach: ``figure`` of one server over that of another, in the same steps and under the same load."""

    what: str
    scenario: str
    load: str
    server: str
    peer: str
    bound: float
    figure: str = "rate"

    @property
    def at_most(self) -> bool:
        """Whether less is better."""
        return self.figure == "p99_ms"


@dataclass(frozen=True)
class Evenness:
    """A bound on how much longer the slowest of a hundred requests may take than the middle one: p99 over p50."""

    what: str
    scenario: str
    load: str
    server: str
    bound: float


_CLOSE, _WRK_CLOSE, _KEPT, _FORWARD = "close-100", "wrk-close-100", "kept-100", "forward-1000"

TARGETS = (
    Target("raw WSGI vs stock eventlet.wsgi", "raw", _WRK_CLOSE, "mooring-raw", "eventlet-raw", 2.2),
    Target("raw WSGI vs stock eventlet.wsgi", "raw", _KEPT, "mooring-raw", "eventlet-raw", 4),
    Target("raw WSGI vs bjoern", "raw", _KEPT, "mooring-raw", "bjoern-raw", 0.75),
    Target(
        "Pecan vs Pecan on stock eventlet.wsgi",
        "vim_types",
        _WRK_CLOSE,
        "mooring-pecan",
        "stock-pecan",
        4,
    ),
    Target("Pecan vs Pecan on stock eventlet.wsgi", "vim_types", _KEPT, "mooring-pecan", "stock-pecan", 6),
    Target("Pecan vs Pecan on stock eventlet.wsgi", "vim_types", _CLOSE, "mooring-pecan", "stock-pecan", 4),
    Target("Pecan vs Django on uWSGI --http", "vim_types", _CLOSE, "mooring-pecan", "uwsgi-http", 1.3),
    Target("Pecan vs Django on uWSGI --http", "vim_types", _KEPT, "mooring-pecan", "uwsgi-http", 2),
    Target("Django vs Django on uWSGI --http", "vim_types", _CLOSE, "mooring-django", "uwsgi-http", 1),
    Target("Django vs Django on uWSGI --http", "vim_types", _KEPT, "mooring-django", "uwsgi-http", 1.5),
    Target(
        "Django vs Django on gunicorn gevent", "vim_types", _CLOSE, "mooring-django", "gunicorn-gevent", 1
    ),
    Target(
        "Django vs Django on gunicorn gevent", "vim_types", _KEPT, "mooring-django", "gunicorn-gevent", 1.5
    ),
    Target("Django vs stock", "forward", _FORWARD, "mooring-django", "eventlet-unpooled", 2.5),
    Target("Django vs stock, p99", "forward", _FORWARD, "mooring-django", "eventlet-unpooled", 0.4, "p99_ms"),
)

EVENNESS = (
    Evenness("Pecan, p99 over p50", "vim_types", _KEPT, "mooring-pecan", 5),
    Evenness("Django, p99 over p50", "vim_types", _KEPT, "mooring-django", 5),
)


@dataclass(frozen=True)
class Ratio:
    """The ratio of the medians, and the least and the greatest ratio of a pair (the same round of both)."""

    value: float
    least: float
    greatest: float
    pairs: int


def select(rows: Iterable[Row], scenario: str, load: str, server: str) -> list[Row]:
    """Return one server's runs under one load, by round."""
    found = [
        row for row in rows if row["scenario"] == scenario and row["load"] == load and row["server"] == server
    ]
    return sorted(found, key=lambda row: int(row["round"]))


def median(rows: Sequence[Row], figure: str) -> float:
    """Return the median of a figure over runs."""
    return float(statistics.median(row[figure] for row in rows))


def ratio(rows: Sequence[Row], target: Target, figure: str | None = None) -> Ratio | None:
    """Return what was measured for a target (or another figure of the same two); None if it was not."""
    figure = figure or target.figure
    ours = select(rows, target.scenario, target.load, target.server)
    theirs = select(rows, target.scenario, target.load, target.peer)
    if not ours or not theirs or not median(theirs, figure):
        return None
    pairs = [mine[figure] / other[figure] for mine, other in zip(ours, theirs, strict=False) if other[figure]]
    return Ratio(median(ours, figure) / median(theirs, figure), min(pairs), max(pairs), len(pairs))


def evenness(rows: Sequence[Row], target: Evenness) -> Ratio | None:
    """Return what was measured for it, with the least and greatest of a run; None if it was not."""
    found = select(rows, target.scenario, target.load, target.server)
    if not found:
        return None
    each = [row["p99_ms"] / row["p50_ms"] for row in found]
    return Ratio(median(found, "p99_ms") / median(found, "p50_ms"), min(each), max(each), len(each))


def reached(target: Target, found: Ratio) -> bool:
    """Tell whether the target is reached; as it is shown, rounded to two decimals."""
    value = round(found.value, 2)
    return value <= target.bound if target.at_most else value >= target.bound


def failures(rows: Iterable[Row], server: str = OURS) -> dict[str, int]:
    """Return the failures by kind of all runs of servers whose name starts so."""
    total: dict[str, int] = {}
    for row in rows:
        if row["server"].startswith(server):
            for kind, count in row["failures"].items():
                total[kind] = total.get(kind, 0) + count
    return total


def requests(rows: Iterable[Row], server: str = OURS) -> int:
    """Return the number of requests in all runs of servers whose name starts so."""
    return sum(row["requests"] for row in rows if row["server"].startswith(server))
