"""Whether a client takes JSON: the Accept field (RFC 9110, sections 12.4.2 and 12.5.1)."""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110, section 5.6.2
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_RANGE = re.compile(rf"\s*({_TOKEN})/({_TOKEN})((?:\s*;\s*(?:{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))?)*)\s*")
_WEIGHT = re.compile(r";\s*[qQ]=([0-9.]+)")
_ELEMENT = re.compile(rf"(?:[^,\"]|{_QUOTED}|\")+")

_SPECIFICITY = {("application", "json"): 3, ("application", "*"): 2, ("*", "*"): 1}


@lru_cache(maxsize=256)
def admits_json(accept: str) -> bool:
    """Tell whether the Accept field's value admits ``application/json``.

    The most specific range that matches decides; a weight of 0 refuses. An empty value admits anything.
    Elements that are no media range are passed over.
    """
    if not accept.strip():
        return True
    best, weight = 0, 0.0
    for element in _ELEMENT.findall(accept):
        match = _RANGE.fullmatch(element)
        if match is None:
            continue
        specificity = _SPECIFICITY.get((match[1].lower(), match[2].lower()), 0)
        if specificity > best:
            best, weight = specificity, _weight(match[3])
        elif specificity == best and specificity:
            weight = max(weight, _weight(match[3]))
    return weight > 0


def _weight(parameters: str) -> float:
    match = _WEIGHT.search(parameters)
    try:
        return float(match[1]) if match else 1.0
    except ValueError:
        return 0.0
