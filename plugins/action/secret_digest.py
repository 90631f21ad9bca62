"""Ansible action: a keyed digest of secrets, made on the host by a key that never leaves it; see `mooring.host.digest`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: secret_digest
short_description: Digest secrets by a key of the host
description:
  - The same secrets have the same digest on a host. Who has not the key cannot tell from it whether a guess is right.
  - In check mode no key is made.
options:
  key: {description: "The file of the key on the host, made when it is not there.", type: path, required: true}
  secrets: {description: "The secrets, name by name.", type: dict, required: true}
"""
RETURN = r"""
digest: {description: "HMAC-SHA256, in hex.", type: str, returned: always}
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
        """Digest them; `failed` and `msg` when the key can be neither read nor made."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        order = {
            "key": str(self._task.args["key"]),
            "secrets": {str(name): str(value) for name, value in self._task.args["secrets"].items()},
            "check": bool(self._task.check_mode),
        }
        answer, why = on_host.run_python(self, task_vars or {}, "host/digest.py", order)
        if answer is None:
            # Our own sentence is one line; of a traceback nothing is passed on, since it may quote what was given.
            result.update(failed=True, msg=why if "\n" not in why else "the secrets could not be digested")
            return result
        result.update(changed=False, digest=answer["digest"])
        return result
