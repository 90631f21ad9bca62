"""Filters: what supervisord's program files can hold of an inventory's values; `tools/preflight` has the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.mooring.mooring.plugins.plugin_utils import sources  # noqa: F401 - puts tools/ and app/ on the path

from preflight import program_file


def companion_entries(companions: dict[str, str], template: str) -> list[dict[str, Any]]:
    """List the companions' program files, as entries that are placed in a release."""
    return [
        {
            "path": f"companions/{name}.conf",
            "template": template,
            "vars": {"companion": {"key": name, "value": command}},
            "mode": "0444",
        }
        for name, command in companions.items()
    ]


class FilterModule:
    """Ansible asks it for the filters by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """List the filters."""
        return {
            "switches": program_file.switches,
            "inside": program_file.inside,
            "beside": program_file.beside,
            "command": program_file.command,
            "companion_entries": companion_entries,
        }
