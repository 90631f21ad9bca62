"""Ansible action: the lock of an instance for a whole run; see `app/mooring/src/mooring/host/lock.py`."""

from __future__ import annotations

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
        """Take it or give it up; `failed` and `msg` when somebody else has it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given, variables, check = self._task.args, task_vars or {}, bool(self._task.check_mode)
        path = f"{given['root']}/instances/{given['instance']}/lock"
        result.update(changed=False, run=on_host.this_run()["run"])
        if given.get("state") == "absent":
            done = on_host.call(
                self, variables, "lock.release", {"path": path, "run": on_host.this_run()["run"]}, check=check
            )
        else:
            entries = given.get("entries") or []
            if entries:
                try:
                    entries = [on_host.entry(self, each, variables) for each in entries]
                except ValueError as error:
                    raise AnsibleActionFail(str(error)) from error
                done = on_host.call(self, variables, "place", {"entries": entries}, check=check)
                if done.result is None:
                    result.update(failed=True, msg=done.why)
                    return result
                result["changed"] = bool(done.result["changed"])
                if self._task.diff:
                    result["diff"] = done.result["diff"]
            done = on_host.take_lock(self, variables, path, str(given.get("take_over") or ""), check=check)
        if done.result is None:
            host = variables.get("inventory_hostname", "the host")
            result.update(failed=True, msg=f"On {host}: {done.why}", status=done.status)
        return result
