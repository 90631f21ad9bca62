"""The application: from ``module:attribute`` or a call of a factory to a WSGI callable.

``module:factory()`` calls the factory, ``module:factory(config.py)`` hands it the path of a file that came with the
application, and ``module:factory('production')`` a text.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mooring import casts

TREES = "app"
"""Below the virtualenv: what was deployed as it is, each source in a folder of its own (written by tools/bundle/tree.py)."""
ARGUMENT = "mooring"
"""All of ``sys.argv`` that an application sees: one that parses it as it is imported finds no word that is ours."""

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ApplicationError(Exception):
    """The application cannot be served; the text says why."""


def load(entry: str) -> WsgiApplication:
    """Import the entry and return the WSGI callable that it names.

    Raises ApplicationError; its cause, if the application's own code raised, is the original exception.
    """
    sys.argv = [ARGUMENT]
    matched = re.fullmatch(casts.ENTRY, entry)
    if matched is None:
        raise ApplicationError(f"{entry} is no entry: write module:attribute or module:factory()")
    module_name, attribute, call = matched.groups()
    names = attribute.split(".")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise ApplicationError(f"importing {module_name} failed: {_in_words(error)}") from error
    try:
        for name in names:
            found = getattr(found, name)
    except AttributeError as error:
        raise ApplicationError(f"{module_name} has no {'.'.join(names)}") from error
    if call is not None:
        arguments = _arguments(call)
        try:
            found = found(*arguments)
        except Exception as error:
            raise ApplicationError(f"{entry} failed: {_in_words(error)}") from error
    if not callable(found):
        raise ApplicationError(
            f"{entry} is {type(found).__name__}, not callable: is it a factory without ()?"
        )
    application: WsgiApplication = found
    return application


def _arguments(call: str) -> list[str]:
    """Return what stands between a factory's parentheses: nothing, a text in quotes, or the path of a file."""
    argument = call[1:-1].strip()
    if not argument:
        return []
    if argument[0] in "'\"":
        return [argument[1:-1]]
    folder = Path(sys.prefix, TREES)
    sources = sorted(folder.iterdir()) if folder.is_dir() else []
    # The file stands at the top of a source, or in the one folder of it that modules are imported from.
    places = [*sources, *(path for path in map(Path, sys.path) if path.parent in sources)]
    for path in (Path(argument), *(place / argument for place in places)):
        if path.is_absolute() and path.is_file():
            return [str(path)]
    raise ApplicationError(
        f"{argument} is no file of the application (looked for in {', '.join(map(str, places)) or folder}):"
        " a file is named as it stands in the source's folder, a text is put in quotes"
    )


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
