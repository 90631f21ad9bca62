"""Spare Pecan the signatures that it reads again and again.

For each request Pecan 1.8.0 calls ``pecan.util.getargspec`` up to seven times, and each call runs ``inspect``
and builds a new namedtuple class: more than half of the time of a small request. A function's signature does
not change while its code and defaults stay, so the answer is remembered for as long. Anything but a plain
function, or a method of one, is left to Pecan.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

import pecan.util

_Facts = tuple[CodeType, Any, Any]


def remember(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``read`` (``pecan.compat.getargspec``) with a memory for plain functions and their methods."""
    known: WeakKeyDictionary[FunctionType, tuple[_Facts, Any]] = WeakKeyDictionary()

    def getargspec(func: Any) -> Any:
        plain = func.__func__ if type(func) is MethodType else func
        if type(plain) is not FunctionType or "__signature__" in plain.__dict__:
            return read(func)
        facts = (plain.__code__, plain.__defaults__, plain.__kwdefaults__)
        entry = known.get(plain)
        if entry is None or entry[0] != facts:
            entry = known[plain] = (facts, read(func))
        spec = entry[1]
        return type(spec)(spec.args[:], *spec[1:])  # the list belongs to the caller

    getargspec.remembers = True  # type: ignore[attr-defined]
    return getargspec


def install() -> None:
    """Give Pecan the memory, once. All of its callers go through this one name."""
    if not hasattr(pecan.util._getargspec, "remembers"):
        pecan.util._getargspec = remember(pecan.util._getargspec)
