"""The memory for signatures answers as Pecan's own function does, for callables of every kind."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pecan.compat
import pecan.util
import pytest

from multicloud.pecan_web import argspec

OWN = pecan.compat.getargspec


def decorated(func: Callable[..., Any]) -> Callable[..., Any]:
    def inner(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return inner


def wrapped(func: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(func)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return inner


class Controller:
    def plain(self) -> None: ...

    def some(self, one: int, two: int = 2, *rest: int, key: int, other: int = 3, **more: int) -> None: ...

    @decorated
    def under_a_decorator(self, one: int, two: int = 2) -> None: ...

    @decorated
    @decorated
    def under_two(self, one: int) -> None: ...

    @wrapped
    def with_wraps(self, one: int) -> None: ...

    @staticmethod
    def static(one: int, two: int = 1) -> None: ...

    @classmethod
    def of_class(cls, one: int) -> None: ...

    def __call__(self, one: int) -> None: ...


def positional(one: int, /, two: int) -> None: ...


def annotated(one: int = 1, *, two: str = "") -> None: ...


def pretender(one: int) -> None: ...


pretender.__signature__ = __import__("inspect").signature(positional)  # type: ignore[attr-defined]

CONTROLLER = Controller()
KINDS = {
    "function": annotated,
    "positional": positional,
    "lambda": lambda one, two=2: (one, two),
    "signature": pretender,
    "partial": functools.partial(annotated, two="x"),
    "callable object": CONTROLLER,
    "class": Controller,
    "plain": CONTROLLER.plain,
    "some": CONTROLLER.some,
    "unbound": Controller.some,
    "decorated": CONTROLLER.under_a_decorator,
    "decorated twice": CONTROLLER.under_two,
    "wraps": CONTROLLER.with_wraps,
    "static": CONTROLLER.static,
    "class method": CONTROLLER.of_class,
    "builtin": len,
    "method descriptor": str.upper,
    "no callable": 7,
}


def told(read: Callable[[Any], Any], what: Any) -> Any:
    """Return what a function answers, or the kind of its error."""
    try:
        spec = read(what)
    except (TypeError, AttributeError) as error:
        return type(error)
    return tuple(spec), spec._fields


@pytest.mark.parametrize("kind", KINDS)
def test_like_pecan(kind: str) -> None:
    memory = argspec.remember(OWN)
    expected = told(OWN, KINDS[kind])
    assert [told(memory, KINDS[kind]) for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_like_pecan_through_decorators(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = told(pecan.util.getargspec, KINDS[kind])
    monkeypatch.setattr(pecan.util, "_getargspec", argspec.remember(OWN))
    assert [told(pecan.util.getargspec, KINDS[kind]) for _ in range(2)] == [expected] * 2


def test_asked_once_for_each_function() -> None:
    asked = []

    def read(func: Any) -> Any:
        asked.append(func)
        return OWN(func)

    memory = argspec.remember(read)
    for controller in (Controller(), Controller(), Controller()):
        memory(controller.some)
        memory(Controller.some)
    assert len(asked) == 1


def test_nobody_spoils_the_memory() -> None:
    memory = argspec.remember(OWN)
    memory(annotated).args.clear()
    assert memory(annotated).args == ["one"]


def test_a_function_that_changes_is_read_again() -> None:
    def changing(one: int, two: int = 2) -> None: ...

    memory = argspec.remember(OWN)
    assert memory(changing) == OWN(changing)
    changing.__defaults__ = (7,)
    assert memory(changing).defaults == (7,)
    changing.__code__ = positional.__code__
    changing.__defaults__ = None
    assert memory(changing) == OWN(changing)
    changing.__signature__ = pretender.__signature__  # type: ignore[attr-defined]
    assert memory(changing) == OWN(changing)


def test_installed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pecan.util, "_getargspec", OWN)
    argspec.install()
    first = pecan.util._getargspec
    argspec.install()
    assert pecan.util._getargspec is first
    assert first is not OWN
