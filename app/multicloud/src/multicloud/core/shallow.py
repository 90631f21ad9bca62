"""JSON from others: its nesting ends far from Python's recursion limit, and each number in it is one that JSON can write."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

MAX_LEVELS = 500
"""Half of Python's usual recursion limit. Near that limit the garbage collector's work fails too, even for another request."""

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def loads(body: bytes) -> Any:
    """Return the value of the body, as ``json.loads`` does.

    Raises ValueError, also for more than MAX_LEVELS levels, and for numbers without end.
    """
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    if text.count("[") + text.count("{") > MAX_LEVELS:  # two fast counts are all that a usual body costs
        _check_levels(text)
    return _DECODER.decode(text)


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:  # 1e999, which would be written as Infinity
        raise ValueError(f"{text:.40} is too large a number")
    return number


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_number)


def _check_levels(text: str) -> None:
    levels = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        first = found[0][0]
        if first in "[{":
            levels += 1
            if levels > MAX_LEVELS:
                raise ValueError("is nested too deeply")
        elif first in "]}":
            levels -= 1
