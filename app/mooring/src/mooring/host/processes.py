"""Processes of a host as /proc shows them: their command lines, users and rights, and the supervisord of a folder.

What the service user can make of any kind or length (a pid file, a command line) is read up to a bound, and never waited for.
The probe sends this to hosts that have nothing installed: Python 3.8's standard library and syntax.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from pathlib import Path
from typing import Any

from mooring.host import users

COMMAND_MAX = 160  # characters of a command line that are shown
PID_MAX = 32  # bytes of a pid file that are read
WORDS_MAX = 1 << 16  # bytes of a command line that are read: prctl(2), PR_SET_MM_MAP, makes one of any length


def server_facts(home: str) -> dict[str, Any]:
    """Tell whose the supervisord of that folder is: who runs it, and who owns its folder `run`; None without one."""
    facts: dict[str, Any] = {"pid": None, "user": None, "owner": None, "may": None}
    with contextlib.suppress(OSError):
        facts["owner"] = users.user_name(Path(home, "run").stat().st_uid)
    with contextlib.suppress(OSError, ValueError):
        pid = int(_beginning(f"{home}/run/supervisord.pid", PID_MAX))  # the folder is the service user's
        # A number that another process has by now is no supervisord, nor is one that has its command line alone.
        (uid,) = _users_of(pid)
        is_ours = uid in (0, os.geteuid(), Path(home, "run").stat().st_uid)
        if is_ours and os.fsencode(f"{home}/") in _beginning(f"/proc/{pid}/cmdline", WORDS_MAX):
            facts.update(pid=pid, user=users.user_name(uid), may=may_facts(str(pid)))
    return facts


def may_facts(process: str = "self") -> dict[str, bool]:
    """Tell what a process and its children may do: gain rights by another program, leave core files. OSError.

    proc_pid_status(5), NoNewPrivs; proc_pid_limits(5), the hard limit.
    """
    limits = "".join(lines(f"/proc/{process}/limits"))
    return {
        "privileges": "NoNewPrivs:\t1" not in lines(f"/proc/{process}/status"),
        "core_dumps": re.search(r"Max core file size\s+\S+\s+0\s", limits) is None,
    }


def _users_of(pid: int) -> set[int]:
    """Return the real, effective and saved user of a process: proc_pid_status(5), Uid. OSError."""
    uids = next((line for line in lines(f"/proc/{pid}/status") if line.startswith("Uid:")), "").split()
    return {int(uid) for uid in uids[1:]}


def command(pid: int) -> str:
    """Return the command line of a process as messages show it: at most `COMMAND_MAX` characters. Its name when it has none."""
    try:
        words = (
            _beginning(f"/proc/{pid}/cmdline", WORDS_MAX)
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
            .strip()
        )
        words = words or Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "it has ended since"
    return words if len(words) <= COMMAND_MAX else words[: COMMAND_MAX - 1] + "…"


def _beginning(path: str, most: int) -> bytes:
    """Read the first bytes of a plain file: no link at its end is followed, and no FIFO waited for. OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", path)
        return file.read(most)


def lines(path: str) -> list[str]:
    """Read the lines of a file of /proc; none when this kernel has no such file. OSError."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:  # no IPv6 in this kernel
        return []
