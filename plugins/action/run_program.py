"""Ansible action: runs a program on the host, without a module; see `tools/on_host`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mooring.mooring.plugins.plugin_utils import sources  # noqa: F401 - puts tools/ and app/ on the path

import on_host

OPTIONS = {"argv", "stdin", "stdin_file", "chdir"}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs over the connection alone."""

    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run it; `failed` when its exit status is not 0."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self._task.args
        if unknown := set(arguments) - OPTIONS:
            raise AnsibleActionFail(f"run_program has no option {', '.join(sorted(unknown))}")
        if not isinstance(arguments.get("argv"), list):
            raise AnsibleActionFail("run_program needs argv, a list")
        if self._task.check_mode:
            result.update(changed=False, skipped=True, msg="would run, if this were no check")
            return result
        file = arguments.get("stdin_file")
        stdin = Path(file) if file else arguments.get("stdin") or ""
        done = on_host.run(self, task_vars or {}, arguments["argv"], stdin, arguments.get("chdir"))
        result.update({**done, "changed": True})
        if done.get("rc"):
            result["failed"] = True
            result.setdefault("msg", "non-zero return code")
        return result
