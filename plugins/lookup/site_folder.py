"""Ansible lookup: the folder of the site that a run belongs to; the clone, for a playbook of the clone's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible.utils.collection_loader import AnsibleCollectionConfig

DOCUMENTATION = r"""
name: site_folder
short_description: The folder of the site
description:
  - A site is the folder of the playbook that ansible-playbook was called with, or the one above, when that is C(playbooks).
  - A playbook that was called by its name (C(mooring.mooring.status)) belongs to the working directory.
  - In a clone of Mooring, it is the clone.
options: {}
"""
RETURN = r"""
_raw: {description: The one folder., type: list, elements: path}
"""

COLLECTION = Path(__file__).resolve().parents[2]


def folder(adjacent: Sequence[str], working: Path, collection: Path = COLLECTION) -> Path:
    """Return the site's folder.

    `adjacent` are the folders that Ansible looks into for collections beside the playbooks of the command line: `collections` in
    the folder of each. It has none for a playbook that is called by its name.
    """
    place = (Path(adjacent[0]).parent if adjacent else working).resolve()
    if place.is_relative_to(collection):
        return collection
    return place.parent if place.name == "playbooks" else place


class LookupModule(LookupBase):  # type: ignore[misc]
    """Asks Ansible what it was called with."""

    def run(self, terms: list[str], variables: Any = None, **_: Any) -> list[str]:  # noqa: ARG002 - Ansible's
        """Return it."""
        return [str(folder(AnsibleCollectionConfig.playbook_paths, Path.cwd()))]
