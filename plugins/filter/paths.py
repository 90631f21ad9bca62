"""Paths of an inventory: a relative one begins at the site's folder, or else at Mooring's own (the shipped application)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def in_site(paths: Any, folder: str) -> Any:
    """Return each relative path that exists below the site's folder as an absolute one; all else as it is.

    What is left relative begins at Mooring's folder: roles run what reads it there.
    """
    if not isinstance(paths, str):
        return [in_site(path, folder) for path in paths]
    given = Path(paths).expanduser()
    return (
        paths
        if given.is_absolute() or not paths or not Path(folder, given).exists()
        else str(Path(folder, given))
    )


class FilterModule:
    """The filters, as Ansible finds them."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """List the filters."""
        return {"in_site": in_site}
