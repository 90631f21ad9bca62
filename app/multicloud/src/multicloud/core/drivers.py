"""Which driver serves which type and version of a cloud: a table that is configuration, not code.

The table is JSON: a list of ``{"vim_type": …, "versions": {version: driver}, "default": driver}``. The list's
order is the order of ``vim_types``. The default table is ``drivers.json`` beside this module.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_TABLE = Path(__file__).with_name("drivers.json")

_DRIVER = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]*")
"""A driver's name becomes a segment of the forwarded path."""


@dataclass(frozen=True)
class VimType:
    """One type of cloud: its versions, each with the driver's name, and the driver of any other version."""

    name: str
    versions: dict[str, str]
    default: str


@dataclass(frozen=True)
class DriverTable:
    """All supported types of clouds, in the order in which they are listed."""

    types: dict[str, VimType]

    def driver(self, vim_type: object, version: object) -> str | None:
        """Return the driver for what A&AI says of a region, None if the type is not supported.

        Both values are whatever A&AI's JSON held. An unknown version, null or a number takes the
        type's default.
        """
        found = self.types.get(vim_type) if isinstance(vim_type, str) else None
        if found is None:
            return None
        return found.versions.get(version, found.default) if isinstance(version, str) else found.default

    def vim_types(self) -> list[dict[str, Any]]:
        """Return the table as ``vim_types`` shows it: types and versions, no drivers."""
        return [{"vim_type": each.name, "versions": list(each.versions)} for each in self.types.values()]


def parse(text: str) -> DriverTable:
    """Read a table from JSON. Raises ValueError with a sentence that names the wrong entry."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ValueError(f"a JSON list of cloud types, or the path of a file with one ({error})") from error
    if not isinstance(entries, list) or not entries:
        raise ValueError("a JSON list of cloud types with at least one entry")
    types: dict[str, VimType] = {}
    for number, entry in enumerate(entries, 1):
        vim_type = _vim_type(entry, f"entry {number}")
        if vim_type.name in types:
            raise ValueError(f"a list that names each cloud type once; {vim_type.name!r} stands there twice")
        types[vim_type.name] = vim_type
    return DriverTable(types)


def load(text: str) -> DriverTable:
    """Read a table from JSON, or from the file whose absolute path is given. Raises ValueError."""
    if not text.startswith("/"):
        return parse(text)
    try:
        content = Path(text).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the path of a readable file ({error})") from error
    return parse(content)


def _vim_type(entry: object, place: str) -> VimType:
    if not isinstance(entry, dict) or set(entry) != {"vim_type", "versions", "default"}:
        raise ValueError(f'{place} must be an object with exactly "vim_type", "versions" and "default"')
    name, versions, default = entry["vim_type"], entry["versions"], entry["default"]
    if not isinstance(name, str) or not name:
        raise ValueError(f'{place}: "vim_type" must be a text that is not empty')
    if not isinstance(versions, dict):
        raise ValueError(f'{place}: "versions" must be an object of version and driver')  # noqa: TRY004 - a value, read from text
    for driver in (*versions.values(), default):
        if not isinstance(driver, str) or not _DRIVER.fullmatch(driver):
            raise ValueError(f"{place}: {driver!r} is no driver's name (letters, digits, '-', '_' and '.')")
    return VimType(name, versions, default)
