"""Ansible action: folders, files and links of a host, all of a list in one step; see `app/mooring/src/mooring/host/layout.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader

DOCUMENTATION = r"""
module: place_files
short_description: Have folders, files and links on a host as they are listed, in one step
description:
  - What ansible.builtin.file, copy and template do, for a whole list at the price of one program.
  - The list is worked off in its order.
options:
  entries:
    description:
      - Each has a C(path) and one of C(folder: true), C(content) (a text), C(template) (a Jinja2 file of the controller, with the
        variables of C(vars) beside the host's) and C(link) (a symbolic link's target).
      - C(mode) in octal digits (not of a link), C(owner) and C(group) (left alone when they are not given).
    type: list
    elements: dict
    required: true
"""
RETURN = r"""
paths: {description: "What has changed, as it was given; in check mode what would.", type: list, returned: always}
before: {description: "By path: the text that a file of at most 256 KiB had before.", type: dict, returned: always}
"""

TOOLS = Path(__file__).resolve().parents[2] / "tools"
if str(TOOLS) not in sys.path:
    sys.path.append(str(TOOLS))

import on_host  # noqa: E402 - found only after tools/ is on the path

KINDS = {"folder", "content", "template", "link"}
OPTIONS = {"path", "mode", "owner", "group", "vars"} | KINDS


class ActionModule(ActionBase):  # type: ignore[misc]
    """Renders on the controller, and runs one program on the host."""

    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Place them; `failed` and `msg` when one cannot be placed: those before it have been."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        order = {
            "entries": [self._entry(dict(each), variables) for each in self._task.args["entries"]],
            "check": bool(self._task.check_mode),
            # What the program answers stands in Ansible's debug output, which no_log does not hide.
            "secret": bool(self._task.no_log),
        }
        answer, why = on_host.run_python(self, variables, "host/layout.py", order)
        if answer is None:
            result.update(failed=True, msg=why)
            return result
        result.update(changed=answer["changed"] != [], paths=answer["changed"], before=answer["before"])
        if self._task.diff:
            result["diff"] = answer["diff"]
        return result

    def _entry(self, entry: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return an entry as the program on the host has it: a template is rendered."""
        if set(entry) - OPTIONS or len(KINDS & set(entry)) != 1 or not entry.get("path"):
            raise AnsibleActionFail(
                f"an entry of place_files has a path and one of {', '.join(sorted(KINDS))}: {sorted(entry)}"
            )
        if not isinstance(entry.get("mode", ""), str):
            raise AnsibleActionFail(f"{entry['path']}: quote the mode, in octal digits: '0644'")
        if "template" in entry:
            lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
            source, own = str(entry.pop("template")), dict(entry.pop("vars", None) or {})
            (entry["content"],) = lookup.run([source], variables, template_vars=own)
        return {
            name: value if name == "folder" else str(value)
            for name, value in entry.items()
            if value not in ("", None)
            or name == "content"  # an owner that is not given, or empty, stays as it is
        }
