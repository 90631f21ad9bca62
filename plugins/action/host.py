"""Ansible action: one call of Mooring's program on the host; see `app/mooring/src/mooring/host/calls.py` and `tools/on_host`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mooring.mooring.plugins.plugin_utils import sources  # noqa: F401 - puts tools/ and app/ on the path

import on_host


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs one program on the host."""

    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the call; `failed` and `msg` when it is refused."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        name, variables = str(self._task.args["call"]), task_vars or {}
        arguments = dict(self._task.args.get("arguments") or {})
        file = self._task.args.get("stdin_file")
        taken = on_host.parameters(name)
        if "entries" in arguments:
            try:
                arguments["entries"] = [on_host.entry(self, each, variables) for each in arguments["entries"]]
            except ValueError as error:
                raise AnsibleActionFail(str(error)) from error
        if "run" in taken:
            arguments.setdefault("run", on_host.this_run()["run"])
        if (
            "secret" in taken
        ):  # what the program answers stands in Ansible's debug output, which no_log does not hide
            arguments.setdefault("secret", bool(self._task.no_log))
        done = on_host.call(
            self,
            variables,
            name,
            arguments,
            check=bool(self._task.check_mode),
            data=Path(file) if file else None,
            virtualenv=str(self._task.args.get("virtualenv") or ""),
        )
        result.update(progress=done.progress, status=done.status)
        if done.result is None:
            here = f" on {variables.get('inventory_hostname', 'this host')}"
            result.update(failed=True, msg=done.why.replace(" on this host", here))
            return result
        answer = done.result
        result.update(changed=bool(answer.get("changed")), answer=answer)
        if answer.get("skipped"):
            result["skipped"] = True
        if "diff" in answer:
            difference = answer.pop("diff")
            if self._task.diff:
                result["diff"] = difference
        return result
