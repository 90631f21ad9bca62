"""What a process holds open, by the links of /proc (proc_pid_fd(5))."""

from __future__ import annotations

import contextlib
from pathlib import Path


def open_files(pid: int) -> dict[int, str]:
    """Return what each descriptor of a process leads to. One that is closed meanwhile is left out."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[int(link.name)] = str(link.readlink())
    return found
