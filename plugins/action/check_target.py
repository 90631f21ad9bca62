"""Ansible action: probes a target, and compares what it tells with what a command wants; see `tools/preflight`."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.mooring.mooring.plugins.plugin_utils import sources  # noqa: F401 - puts tools/ and app/ on the path

import on_host
import preflight
from preflight import units


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs one program on the host; with systemd a second one."""

    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Probe and check; `failed` and `msg` when something is wrong."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given, variables = self._task.args, task_vars or {}
        command, wanted = str(given["command"]), dict(given["wanted"])
        facts = given.get("facts")
        if facts is None:
            asked = {"root": wanted["root"], "question": dict(given["question"])}
            done = on_host.call(self, variables, "probe", asked)
            if done.result is None:
                result.update(failed=True, msg=done.why)
                return result
            facts = done.result
        found = units.NONE
        if wanted["init"] == "systemd" and command != "look":
            names = units.names(wanted["unit"], wanted["name"])
            found = units.read(on_host.run(self, variables, units.question(names)))
        wanted = preflight.chosen(dict(facts), wanted, found)
        problems = preflight.target(facts, wanted, command)
        for notice in preflight.notices(facts, wanted, command):
            self._display.warning(notice)
        result.update(
            changed=False,
            facts=facts,
            root=wanted["root"],
            python=wanted["python"],
            workers=wanted["workers"],
            open_files=preflight.open_files(facts, wanted),
            units_serve=found.serve,
        )
        if problems:
            result.update(failed=True, msg="\n".join(problems))
        return result
