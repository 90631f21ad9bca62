"""What a single value may be: each check takes whatever an inventory or `-e` holds, and tells whether it will do.

`-e name=value` gives text where YAML gives a number, so a number may be written either way.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Iterable

Check = Callable[[object], bool]

SHOWN = 100
"""Characters of a value that a sentence shows."""


def shown(value: object) -> str:
    """Write a value as JSON for a sentence; what is too long is cut."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
        text.encode()
    except (UnicodeEncodeError, ValueError):
        text = json.dumps(value, default=str, check_circular=False)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def kind_of(value: object) -> str:
    """Name the kind of a value, as somebody who writes YAML calls it."""
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return "a truth value (YAML reads on, yes and true as one)"
    if isinstance(value, dict):
        return "a dictionary"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, (int, float)):
        return "a number"
    return "a text" if isinstance(value, str) else f"a {type(value).__name__}"


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Find the known name that this one was most likely meant to be; "" for none.

    Capitals and dashes count as slips too: Web-Framework is web_framework.
    """
    plain = {each.lower().replace("-", "_"): each for each in known}
    near = difflib.get_close_matches(str(name).lower().replace("-", "_"), plain, 1, cutoff)
    return plain[near[0]] if near else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Continue a sentence with the nearest known name, if there is one: `; did you mean workers?`."""
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else "."


def number_of(value: object) -> int | None:
    """Read a whole number, or a text that is one; None for anything else (true is no number)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else None


def whole(lowest: int, highest: int) -> Check:
    """Make a check for a whole number within these bounds, both included."""

    def check(value: object) -> bool:
        number = number_of(value)
        return number is not None and lowest <= number <= highest

    return check


def text(pattern: str, *but: str) -> Check:
    """Make a check for a text that the pattern matches as a whole, and that is none of these."""

    def check(value: object) -> bool:
        return isinstance(value, str) and re.fullmatch(pattern, value) is not None and value not in but

    return check


def either(*checks: Check) -> Check:
    """Make a check that one of these must pass."""

    def check(value: object) -> bool:
        return any(each(value) for each in checks)

    return check


def address(value: object) -> bool:
    """Check for an address in digits; one with a scope (fe80::1%eth0) cannot stand in supervisord's file."""
    if not isinstance(value, str) or "%" in value:
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def truth(value: object) -> bool:
    """Check for a truth value, or a word that Ansible's filter `bool` reads as one (`-e name=yes`)."""
    words = ("true", "false", "yes", "no", "on", "off")
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in words)


def is_true(value: object) -> bool:
    """Tell whether that is true, as Ansible's filter `bool` reads it."""
    return str(value).lower() in ("true", "yes", "on")


def texts(value: object) -> bool:
    """Check for a text, or a list of some."""
    each = value if isinstance(value, list) else [value]
    return all(isinstance(one, str) and one.strip() for one in each)
