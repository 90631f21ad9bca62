"""Ansible inventory plugin: refuses an inventory that is not there. It is asked last, when no other plugin takes the source.

A plugin, since Ansible alone says no more than "Unable to parse", and runs a playbook over no hosts with exit status 0.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.display import Display

DOCUMENTATION = r"""
name: missing
short_description: Refuses an inventory that does not exist
description:
  - Ends the run with one sentence that names the inventory and those that there are.
options: {}
"""


class InventoryModule(BaseInventoryPlugin):
    """Takes what no file and no list of hosts is."""

    NAME = "mooring.mooring.missing"

    def verify_file(self, path: str) -> bool:
        """Take a source that does not exist."""
        return not Path(path).exists()

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: ARG002 - Ansible's
        """End the run. Raises SystemExit: Ansible would turn an error into a warning."""
        Display().error(refusal(path), wrap_text=False)
        raise SystemExit(1)


def refusal(path: str) -> str:
    """Say that there is no such inventory, and which ones there are."""
    folder = Path(path).parent
    names = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
    near = difflib.get_close_matches(Path(path).name, names, n=1)
    beside = ", ".join(_short(folder / name) for name in near or names[:9])
    way = (
        f"Did you mean {beside}?"
        if near
        else f"There are: {beside}."
        if beside
        else "Its folder does not exist."
    )
    return f"There is no inventory {_short(Path(path))}. {way} Nothing has been done."


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
