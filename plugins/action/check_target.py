"""Ansible action: compares what the probe has told of a target with what a command wants; see `tools/preflight`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: check_target
short_description: Check that a target is fit for a command
description:
  - Runs on the controller, and fails with one line for each thing that is wrong.
  - Warns of what a deploy had better do in another way.
options:
  facts: {description: What app/mooring/src/mooring/host/probe.py has told., type: dict, required: true}
  wanted: {description: What the site wants of the target., type: dict, required: true}
  command: {description: "What is to be done there: deploy, operate, look or remove.", type: str, required: true}
"""
RETURN = r"""
open_files: {description: How many files supervisord and its processes may have open there., type: int, returned: always}
"""

REPOSITORY = Path(__file__).resolve().parents[2]
for folder in ("app/mooring/src", "app/multicloud/src", "tools"):
    if str(REPOSITORY / folder) not in sys.path:
        sys.path.append(str(REPOSITORY / folder))

import preflight  # noqa: E402 - found only after tools/ is on the path


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs on the controller alone."""

    _supports_check_mode = True
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check; `failed` and `msg` when something is wrong."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        facts, wanted = dict(self._task.args["facts"]), dict(self._task.args["wanted"])
        found = preflight.target(facts, wanted, self._task.args["command"])
        for notice in preflight.notices(facts, wanted, self._task.args["command"]):
            self._display.warning(notice)
        result.update(changed=False, open_files=preflight.open_files(facts, wanted))
        if found:
            result.update(failed=True, msg="\n".join(found))
        return result
