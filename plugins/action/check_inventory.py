"""Ansible action: checks all settings of the inventory at once; `tools/preflight` has the table and the sentences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.constants import INTERNAL_STATIC_VARS
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.mooring.mooring.plugins.plugin_utils.sources import REPOSITORY

import preflight
from preflight import findings, names

PLAYBOOK_VARIABLES = ("release",)
"""What playbooks take by `-e` beside the settings: rollback.yml's release."""
MAGIC = (*INTERNAL_STATIC_VARS, "environment", "vars")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, ten times faster, where PyYAML was built with it: this runs for each host."""


def read(path: Path) -> dict[str, Any]:
    """Read a file of variables; {} without one."""
    found = yaml.load(path.read_text(), Loader=LOADER) if path.exists() else None  # noqa: S506 - it is a safe one
    return dict(found or {})


def plain(value: Any) -> Any:
    """Take a templated value out of its lazy containers; errors of what is in there come up here."""
    if isinstance(value, Mapping):
        return {plain(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs on the controller alone."""

    _supports_check_mode = True
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check; `failed` and `msg` when something is wrong."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        defaults = read(REPOSITORY / "roles/site/defaults/main.yml")
        every, found = self._values(variables, [*defaults, *findings.OPTIONAL])
        found += preflight.inventory(
            every,
            balanced=bool(variables.get("groups", {}).get("loadbalancer")),
            serves="api" in variables.get("group_names", []),
        )

        settings, known = self._known(defaults)
        extra = load_extra_vars(self._loader)
        found += names.refused(extra, settings, known)
        given = [name for name, default in defaults.items() if variables.get(name) != default]
        for notice in names.noticed(set(variables) - set(extra) - set(MAGIC), settings, known, given):
            self._display.warning(notice)

        result["changed"] = False
        if found:
            result.update(failed=True, msg="\n".join(found))
        return result

    def _values(self, variables: dict[str, Any], wanted: list[str]) -> tuple[dict[str, Any], list[str]]:
        """Read the settings, and say which cannot be read: an undefined variable, a vault without its password."""
        every: dict[str, Any] = {}
        found = []
        for name in wanted:
            if name in variables:
                try:
                    every[name] = plain(self._templar.template(variables[name]))
                except AnsibleError as error:
                    why = " ".join(str(error).split()).rstrip(".")
                    found.append(
                        f"{name} cannot be read: {why}. Define what it names; a vault wants its password."
                    )
        return every, found

    @staticmethod
    def _known(defaults: dict[str, Any]) -> tuple[set[str], set[str]]:
        """List what a user may set (the settings, and roles' variables that no wiring sets), and all our names."""
        wiring = set(read(REPOSITORY / "roles/site/vars/main/wiring.yml"))
        ours = set(wiring)
        for kind in ("defaults", "vars"):
            for path in (REPOSITORY / "roles").glob(f"*/{kind}/main.yml"):
                ours |= set(read(path))
        free = {
            name
            for path in (REPOSITORY / "roles").glob("*/defaults/main.yml")
            for name in read(path)
            if name not in wiring
        }
        settings = free | set(defaults) | {*findings.OPTIONAL, *PLAYBOOK_VARIABLES}
        return settings, ours | settings
