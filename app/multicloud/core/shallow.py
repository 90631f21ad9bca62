"""JSON from others, whose nesting ends far from Python's recursion limit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

MOST_LEVELS = 500
"""Half of Python's usual recursion limit. Near that limit the garbage collector's work fails too, even for another request."""

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def loads(body: bytes, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """Return the value of the body, as ``json.loads`` does. Raises ValueError, also for more than MOST_LEVELS levels."""
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    if text.count("[") + text.count("{") > MOST_LEVELS:  # two fast counts are all that a usual body costs
        _check_levels(text)
    return json.loads(text, parse_constant=parse_constant)


def _check_levels(text: str) -> None:
    levels = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        first = found[0][0]
        if first in "[{":
            levels += 1
            if levels > MOST_LEVELS:
                raise ValueError("is nested too deeply")
        elif first in "]}":
            levels -= 1
