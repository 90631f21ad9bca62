"""Ansible lookup: a program of app/mooring/src/mooring as a host runs it from its standard input; see `tools/on_host`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

DOCUMENTATION = r"""
name: program
short_description: The text of a program that a host runs from its standard input
description:
  - A program of one file, together with the modules of Mooring that it imports.
options:
  _terms: {description: "Names of files in app/mooring/src/mooring.", type: list, elements: str, required: true}
"""
RETURN = r"""
_raw: {description: The programs., type: list, elements: str}
"""

TOOLS = Path(__file__).resolve().parents[2] / "tools"
if str(TOOLS) not in sys.path:
    sys.path.append(str(TOOLS))

import on_host  # noqa: E402 - found only after tools/ is on the path


class LookupModule(LookupBase):  # type: ignore[misc]
    """Reads the files of this repository."""

    def run(self, terms: list[str], variables: Any = None, **_: Any) -> list[str]:  # noqa: ARG002 - Ansible's
        """Return the text of each."""
        return [on_host.source(term) for term in terms]
