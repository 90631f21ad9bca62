#!/usr/bin/python
"""Ansible module: the lock that keeps two deploys of one instance apart."""

from __future__ import annotations

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

import os  # noqa: E402
import re  # noqa: E402
from pathlib import Path  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

OWNER = re.compile(r"(?P<who>[^\s,]+@[^\s,]+), process (?P<pid>[1-9][0-9]*), since .+")
"""An owner as roles/instance/tasks/lock.yml writes it."""


class NoLockError(Exception):
    """What stands at the path is no lock."""


def holder_of(path: str) -> str:
    """Say who holds the lock; "" for nobody. NoLockError, OSError."""
    try:
        return os.readlink(path)  # noqa: PTH115 - the link's text is the owner, not a path
    except FileNotFoundError:
        return ""
    except OSError:
        if Path(path).is_symlink() or not Path(path).exists():
            raise
        kind = "a folder" if Path(path).is_dir() else "a file"
        raise NoLockError(
            f"{path} is {kind}, and not a lock of Mooring's, which is a symbolic link. Nobody deploys by it: look at it,"
            f" take it away, and run the same command again: rm {'-r ' if kind == 'a folder' else ''}{path}"
        ) from None


def take(path: str, owner: str, break_owner: str) -> bool:
    """Take the lock if nobody has it, or if its holder is `break_owner`. True when it is ours. NoLockError, OSError."""
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
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    try:
        holder, taken = work(module)
    except NoLockError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"The lock {path} cannot be taken or released: {error.strerror}")
    known = OWNER.fullmatch(holder)
    # Taking and releasing a lock leaves the host as it was: that is no change.
    module.exit_json(
        changed=False,
        holder=holder,
        holder_who=known["who"] if known else "",
        holder_pid=int(known["pid"]) if known else 0,
        taken=taken,
    )


def work(module: AnsibleModule) -> tuple[str, bool]:
    """Take or release the lock; return who holds it then, and whether it is ours. NoLockError, OSError."""
    path, owner = module.params["path"], module.params["owner"]
    if module.check_mode:
        holder = holder_of(path)
        return holder, holder in ("", owner)
    if module.params["state"] == "present":
        taken = take(path, owner, module.params["break_owner"])
        return holder_of(path), taken
    try:
        holder = holder_of(path)
    except NoLockError:  # it cannot have been taken, and that was said
        return "", False
    if holder == owner:
        Path(path).unlink()
    return "" if holder == owner else holder, False


if __name__ == "__main__":
    main()
