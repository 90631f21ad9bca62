#!/usr/bin/python
"""Ansible module: the lock that keeps two deploys of one instance apart."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lock
short_description: Take or release the lock of an instance
description:
  - The lock is a symbolic link whose text names its owner, so that taking it and saying who has it are one step (symlink(2)).
  - A lock that somebody else holds is never taken, unless its owner is given as O(break_owner), word for word.
options:
  path: {description: The lock., type: path, required: true}
  owner: {description: Who takes or releases it., type: str, required: true}
  break_owner: {description: The owner whose lock may be taken over because its deploy has ended., type: str, default: ""}
  read: {description: A file to read under the lock., type: path, default: ""}
  state: {description: Taken or released., type: str, choices: [present, absent], default: present}
"""
RETURN = r"""
holder: {description: Who holds the lock now, "" for nobody., type: str, returned: always}
taken: {description: Whether it is ours now., type: bool, returned: always}
content: {description: What stands in the file to read, "" when there is no such file., type: str, returned: when taken}
"""

import os  # noqa: E402
from pathlib import Path  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402


def holder_of(path: str) -> str:
    """Say who holds the lock; "" for nobody."""
    try:
        return os.readlink(path)  # noqa: PTH115 - the link's text is the owner, not a path
    except FileNotFoundError:
        return ""


def content_of(path: str) -> str:
    """Read the file; "" without one."""
    try:
        return Path(path).read_text(encoding="utf-8") if path else ""
    except FileNotFoundError:
        return ""


def take(path: str, owner: str, break_owner: str) -> bool:
    """Take the lock if nobody has it, or if its holder is `break_owner`. True when it is ours."""
    if break_owner and holder_of(path) == break_owner:
        # Moved aside in one step, so that of two that break the same lock one alone succeeds; what was moved is
        # looked at again, since a third may have taken the lock in between: then it gets it back.
        aside = f"{path}.{os.getpid()}"
        try:
            Path(path).rename(aside)
        except FileNotFoundError:
            return False
        moved = holder_of(aside)
        if moved != break_owner:
            Path(aside).rename(path)
            return False
        Path(aside).unlink()
    try:
        Path(path).symlink_to(owner)
    except FileExistsError:
        return holder_of(path) == owner
    return True


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "owner": {"type": "str", "required": True},
            "break_owner": {"type": "str", "default": ""},
            "read": {"type": "path", "default": ""},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    path, owner = module.params["path"], module.params["owner"]
    holder = holder_of(path)
    if module.check_mode:
        module.exit_json(
            changed=False,
            holder=holder,
            taken=holder in ("", owner),
            content=content_of(module.params["read"]),
        )
    if module.params["state"] == "absent":
        ours = holder == owner
        if ours:
            Path(path).unlink()
        # Taking and releasing a lock leaves the host as it was: that is no change.
        module.exit_json(changed=False, holder="" if ours else holder, taken=False)
    taken = take(path, owner, module.params["break_owner"])
    content = content_of(module.params["read"]) if taken else ""
    module.exit_json(changed=False, holder=holder_of(path), taken=taken, content=content)


if __name__ == "__main__":
    main()
