"""Ansible action: runs a program on the host, without a module; see `tools/on_host`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: run_program
short_description: Run a program on the host, fast
description:
  - As ansible.builtin.command with these options, and several times faster, since no module is sent.
  - In check mode it is skipped, as a command is; C(check_mode: false) runs it.
  - It ends when the output ends. A program that goes on in the background with it is waited for, which a command is not.
options:
  argv: {description: The program and its arguments., type: list, elements: str, required: true}
  stdin: {description: What it reads from its standard input., type: str}
  stdin_file: {description: "A file of the controller that it reads from its standard input, in place of O(stdin).", type: path}
  chdir: {description: The folder in which it runs., type: path}
"""
RETURN = r"""
cmd: {description: The program and its arguments., type: list, returned: always}
rc: {description: "Its exit status; 127 when there is no such program.", type: int, returned: always}
stdout: {description: What it wrote., type: str, returned: always}
stderr: {description: What it wrote to its standard error., type: str, returned: always}
"""

TOOLS = Path(__file__).resolve().parents[2] / "tools"
if str(TOOLS) not in sys.path:
    sys.path.append(str(TOOLS))

import on_host  # noqa: E402 - found only after tools/ is on the path

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
