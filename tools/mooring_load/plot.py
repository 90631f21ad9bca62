"""The timeline as SVG: rate, latency and failures over time, the operations as bands behind them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from mooring_load.recorder import TICK

WIDTH: Final = 1120
LEFT: Final = 64
RIGHT: Final = 12
TOP: Final = 58
NUMBERS: Final = (12, 26)
"""Lines of text, from the top, for the operations' numbers: those close together take turns."""
APART: Final = 22
GAP: Final = 34
COLUMNS: Final = 700
LEAST_LATENCY: Final = 0.1
"""Milliseconds at the foot of the latency panel, whose scale is logarithmic."""


@dataclass(frozen=True, slots=True)
class Column:
    """Neighbouring rows drawn as one point: rates are means, latencies the worst row's, failures sums."""

    start: float
    end: float
    rate: float
    failed: int
    p50: float | None
    p99: float | None
    longest: float | None


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the plot, in pixels; `share` gives a value's height above the foot, from 0 to 1."""

    top: float
    height: float
    share: Callable[[float], float]

    def y(self, value: float) -> float:
        """Return the value's place in pixels from the plot's top."""
        return self.top + self.height * (1 - min(1.0, max(0.0, self.share(value))))


def columns(timeline: list[dict[str, Any]], most: int = COLUMNS) -> list[Column]:
    """Join neighbouring rows so that at most `most` columns remain, each of about the usual span or longer.

    The short rows that end at marks are joined as well: the rate of a few milliseconds is noise.
    """
    seconds = sum(row["span"] for row in timeline)
    least = max(0.8 * TICK, seconds / most)
    joined: list[Column] = []
    chunk: list[dict[str, Any]] = []
    for row in timeline:
        chunk.append(row)
        if sum(row["span"] for row in chunk) >= least:
            joined.append(_joined(chunk))
            chunk = []
    return [*joined, _joined(chunk)] if chunk else joined


def svg(timeline: list[dict[str, Any]], operations: list[dict[str, Any]]) -> str:
    """Return the plot as an SVG element; its colours are CSS variables of the page."""
    points = columns(timeline)
    if not points:
        return "<p>The timeline is empty.</p>"
    end = (
        max(points[-1].end, *(operation["end"] for operation in operations), 0.1)
        if operations
        else points[-1].end
    )
    scale = (WIDTH - LEFT - RIGHT) / end

    def x(seconds: float) -> float:
        return LEFT + seconds * scale

    most_rate = _round_up(max(point.rate for point in points) or 1)
    decades = _decades(max((point.longest or LEAST_LATENCY) for point in points))
    most_failed = _round_up(max(point.failed for point in points) or 1)
    rate = Panel(TOP, 150, lambda value: value / most_rate)
    latency = Panel(
        TOP + 150 + GAP, 180, lambda value: math.log10(max(value, LEAST_LATENCY) / LEAST_LATENCY) / decades
    )
    failed = Panel(TOP + 330 + 2 * GAP, 80, lambda value: value / most_failed)
    foot = failed.top + failed.height
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {foot + 34:.0f}" role="img"',
        ' aria-label="Rate, latency and failures over time">',
        *_bands(operations, x, foot),
        *_axis(rate, "requests/s", [0, most_rate / 2, most_rate]),
        *_axis(latency, "latency, ms", [LEAST_LATENCY * 10**power for power in range(decades + 1)]),
        *_axis(failed, "failed", [0, most_failed]),
        *_seconds(x, end, foot),
        _line(points, x, rate, lambda point: point.rate, "rate"),
        _line(points, x, latency, lambda point: point.longest, "longest"),
        _line(points, x, latency, lambda point: point.p99, "p99"),
        _line(points, x, latency, lambda point: point.p50, "p50"),
        *_failures(points, x, failed),
        "</svg>",
    ]
    return "\n".join(parts)


def _joined(chunk: list[dict[str, Any]]) -> Column:
    def worst(key: str) -> float | None:
        return max((row[key] for row in chunk if row[key] is not None), default=None)

    start, end = chunk[0]["t"], chunk[-1]["t"] + chunk[-1]["span"]
    requests, failed = sum(row["requests"] for row in chunk), sum(row["failed"] for row in chunk)
    rate = requests / (end - start) if end > start else 0.0
    return Column(start, end, rate, failed, worst("p50_ms"), worst("p99_ms"), worst("max_ms"))


def _line(
    points: list[Column],
    x: Callable[[float], float],
    panel: Panel,
    value: Callable[[Column], float | None],
    name: str,
) -> str:
    """Return a line through the columns' middles, broken where a column has no value."""
    path = []
    pen = "M"
    for point in points:
        height = value(point)
        if height is None:
            pen = "M"
            continue
        path.append(f"{pen}{x((point.start + point.end) / 2):.1f} {panel.y(height):.1f}")
        pen = "L"
    return f'<path class="line {name}" d="{" ".join(path)}"/>'


def _failures(points: list[Column], x: Callable[[float], float], panel: Panel) -> list[str]:
    bars = []
    for point in points:
        if point.failed:
            left, top = x(point.start), panel.y(point.failed)
            title = f"{point.failed} failed from {point.start:.1f} s to {point.end:.1f} s"
            bars.append(_rectangle("failed", (left, top), max(2.0, x(point.end) - left), panel.y(0), title))
    return bars


def _bands(operations: list[dict[str, Any]], x: Callable[[float], float], foot: float) -> list[str]:
    """Return a band for each operation, with its number in the table."""
    bands = []
    last, line = -math.inf, 0
    for number, operation in enumerate(operations, 1):
        left, right = x(operation["start"]), x(operation["end"])
        when = f"{operation['start']:.1f} s to {operation['end']:.1f} s"
        title = f"{number}. {operation['name']}: {when}, {operation['failed']} failed"
        bands.append(_rectangle("band", (left, TOP), max(1.5, right - left), foot, title))
        middle = (left + right) / 2
        line = 1 - line if middle - last < APART else 0
        last = middle
        bands.append(f'<text class="number" x="{middle:.1f}" y="{NUMBERS[line]}">{number}</text>')
    return bands


def _rectangle(name: str, corner: tuple[float, float], width: float, foot: float, title: str) -> str:
    """Return a rectangle from its upper left corner down to the foot."""
    left, top = corner
    return (
        f'<rect class="{name}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{foot - top:.1f}">'
        f"<title>{escape(title)}</title></rect>"
    )


def _axis(panel: Panel, name: str, values: list[float]) -> list[str]:
    lines = [f'<text class="name" x="{LEFT}" y="{panel.top - 8:.1f}">{escape(name)}</text>']
    for value in values:
        y = panel.y(value)
        lines.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        lines.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}">{value:g}</text>')
    return lines


def _seconds(x: Callable[[float], float], end: float, foot: float) -> list[str]:
    step = _round_up(end / 12)
    marks = [number * step for number in range(int(end / step) + 1)]
    return [f'<text class="second" x="{x(mark):.1f}" y="{foot + 18:.1f}">{mark:g} s</text>' for mark in marks]


def _round_up(value: float) -> float:
    """Return the next number of the row 1, 2, 5, 10, 20, 50 and so on."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)


def _decades(longest: float) -> int:
    return max(2, math.ceil(math.log10(max(longest, LEAST_LATENCY) / LEAST_LATENCY) - 1e-9))
