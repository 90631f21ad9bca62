"""What the kernel tells of a process."""

from __future__ import annotations

import contextlib
from pathlib import Path


def alive(pid: int) -> bool:
    """Tell whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # before and while it is read
        return False


def socket_inode(pid: int, fd: int = 0) -> str:
    """Return the inode of the socket that a process has at that descriptor."""
    return str(Path(f"/proc/{pid}/fd/{fd}").readlink()).removeprefix("socket:[").rstrip("]")


def open_files(pid: int) -> dict[int, str]:
    """Return what each descriptor of a process leads to (proc_pid_fd(5)). One that is closed meanwhile is left out."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[int(link.name)] = str(link.readlink())
    return found


def turns(pid: int) -> int:
    """Count how often a process has waited for something: an idle one wakes to look at its socket."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["voluntary_ctxt_switches"])
