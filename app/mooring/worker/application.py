"""The application: from ``module:attribute`` or ``module:factory()`` to a WSGI callable."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ApplicationError(Exception):
    """The application cannot be served; the text says why."""


def load(entry: str) -> WsgiApplication:
    """Import the entry and return the WSGI callable that it names.

    Raises ApplicationError; its cause, if the application's own code raised, is the original exception.
    """
    module_name, _, attribute = entry.partition(":")
    is_factory = attribute.endswith("()")
    names = attribute.removesuffix("()").split(".")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise ApplicationError(f"importing {module_name} failed: {_in_words(error)}") from error
    try:
        for name in names:
            found = getattr(found, name)
    except AttributeError as error:
        raise ApplicationError(f"{module_name} has no {'.'.join(names)}") from error
    if is_factory:
        try:
            found = found()
        except Exception as error:
            raise ApplicationError(f"{entry} failed: {_in_words(error)}") from error
    if not callable(found):
        raise ApplicationError(
            f"{entry} is {type(found).__name__}, not callable: is it a factory without ()?"
        )
    application: WsgiApplication = found
    return application


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
