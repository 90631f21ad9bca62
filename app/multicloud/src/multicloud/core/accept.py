"""Whether a client takes JSON: the Accept field (RFC 9110, sections 12.4.2 and 12.5.1)."""

from __future__ import annotations

import re
from functools import lru_cache

# Each alternative begins differently, and a quoted string without an end takes the rest: so the time is linear.
_PIECE = re.compile(r'[^",;]+|[,;]|"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)

_SPECIFICITY = {"application/json": 3, "application/*": 2, "*/*": 1}

_CACHED = 256
"""Longest value that is remembered; there are few that clients really send."""


def admits_json(accept: str) -> bool:
    """Tell whether the Accept field's value admits ``application/json``.

    The most specific range that matches decides; a weight of 0 refuses. An empty value admits anything. Elements
    that are no media range are passed over.
    """
    return _remembered(accept) if len(accept) <= _CACHED else _judged(accept)


def _judged(accept: str) -> bool:
    if not accept.strip():
        return True
    best, admitted = 0, False
    for media_range, weight in _elements(accept):
        specificity = _SPECIFICITY.get(media_range, 0)
        if specificity > best:
            best, admitted = specificity, weight > 0
        elif specificity == best and specificity:
            admitted = admitted or weight > 0
    return admitted


_remembered = lru_cache(maxsize=256)(_judged)


def _elements(accept: str) -> list[tuple[str, float]]:
    """Return the elements of the list, each with its weight."""
    elements: list[list[str]] = [[""]]
    for piece in _PIECE.findall(accept):
        if piece == ",":
            elements.append([""])
        elif piece == ";":
            elements[-1].append("")
        else:
            elements[-1][-1] += piece
    return [(first.strip().lower(), _weight(parameters)) for first, *parameters in elements]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return float(value) if re.fullmatch(r"[01](\.[0-9]{0,3})?", value) else 0.0
    return 1.0
