"""What the package says when it cannot go on."""

from __future__ import annotations

import difflib
from pathlib import Path


class BundleError(Exception):
    """A bundle cannot be built; the message says why and what to do."""


def nearest(path: Path) -> str:
    """Name an existing neighbour of a path that does not exist, as the end of a sentence ("" without one)."""
    parent = path.parent
    while not parent.is_dir():
        path, parent = parent, parent.parent
    try:
        names = [entry.name for entry in parent.iterdir()]
    except OSError:
        return ""
    found = difflib.get_close_matches(path.name, names, 1, 0.6)
    return f"; did you mean {parent / found[0]}?" if found else ""
