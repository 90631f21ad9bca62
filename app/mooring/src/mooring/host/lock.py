"""The lock that keeps two deploys of one instance apart. Python 3.8's standard library alone, and `mooring.texts`.

It is a symbolic link whose text names its owner, so that taking it and saying who has it are one step (symlink(2)).
The controller sends this program by standard input; it need not be installed where it runs.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from mooring import texts

OWNER = re.compile(r"(?P<who>[^\s,]+@[^\s,]+), process (?P<pid>[1-9][0-9]{0,6}), since .+")
"""An owner as the playbooks write it."""


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


def main(order: str) -> int:
    """Take or release the lock as the order, a JSON object, says: `path`, `owner`, `break_owner`, `release`, `check`.

    Writes a JSON object to stdout: `holder` (the text, "" for nobody), `holder_who`, `holder_pid` (0 when the text does not tell)
    and `taken`. The exit status is 1, with one sentence on stderr, when it cannot be taken or released.
    """
    given = json.loads(order)
    try:
        holder, taken = _work(given)
    except NoLockError as error:
        texts.write_line(sys.stderr, error)
        return 1
    except OSError as error:
        texts.write_line(
            sys.stderr, f"The lock {given['path']} cannot be taken or released: {error.strerror}"
        )
        return 1
    known = OWNER.fullmatch(holder)
    answer = {
        "holder": holder,
        "holder_who": texts.plain(known["who"]) if known else "",
        "holder_pid": int(known["pid"]) if known else 0,
        "taken": taken,
    }
    json.dump(answer, sys.stdout)
    return 0


def _work(given: dict[str, Any]) -> tuple[str, bool]:
    """Take or release the lock; return who holds it then, and whether it is ours. NoLockError, OSError."""
    path, owner = given["path"], given["owner"]
    if given["check"]:
        holder = holder_of(path)
        return holder, holder in ("", owner)
    if not given["release"]:
        taken = take(path, owner, given["break_owner"])
        return holder_of(path), taken
    try:
        holder = holder_of(path)
    except NoLockError:  # it cannot have been taken, and that was said
        return "", False
    if holder == owner:
        Path(path).unlink()
    return "" if holder == owner else holder, False
