"""Ansible action: the lock that keeps two deploys of one instance apart; see `app/mooring/src/mooring/host/lock.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: deploy_lock
short_description: Take or release the lock of an instance
description:
  - The lock is a symbolic link whose text names its owner, so that taking it and saying who has it are one step (symlink(2)).
  - A lock that somebody else holds is never taken, unless its owner is given as O(break_owner), word for word.
  - What stands at the path and is no such link (a file, a folder) is nobody's lock; it is refused by name.
options:
  path: {description: The lock., type: path, required: true}
  owner: {description: Who takes or releases it., type: str, required: true}
  break_owner: {description: The owner whose lock may be taken over because its deploy has ended., type: str, default: ""}
  state: {description: Taken or released., type: str, choices: [present, absent], default: present}
"""
RETURN = r"""
holder: {description: Who holds the lock now, "" for nobody., type: str, returned: always}
holder_who: {description: The holder's user and controller, "" when the text does not tell., type: str, returned: always}
holder_pid: {description: The holder's process on its controller, 0 when the text does not tell., type: int, returned: always}
taken: {description: Whether it is ours now., type: bool, returned: always}
"""

TOOLS = Path(__file__).resolve().parents[2] / "tools"
if str(TOOLS) not in sys.path:
    sys.path.append(str(TOOLS))

import on_host  # noqa: E402 - found only after tools/ is on the path


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs one program on the host."""

    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take or release it; `failed` and `msg` when something else stands in its place, or the host refuses."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = self._task.args
        order = {
            "path": str(given["path"]),
            "owner": str(given["owner"]),
            "break_owner": str(given.get("break_owner") or ""),
            "release": given.get("state") == "absent",
            "check": bool(self._task.check_mode),
        }
        answer, why = on_host.run_python(self, task_vars or {}, "host/lock.py", order)
        if answer is None:
            result.update(failed=True, msg=why)
        else:  # taking and releasing a lock leaves the host as it was: that is no change
            result.update(changed=False, **answer)
        return result
