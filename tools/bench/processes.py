"""What the kernel has counted for a server's processes: CPU time, memory, and who did the work (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process: CPU time in seconds, user and system, of itself and of children that it has waited for."""

    pid: int
    parent: int
    session: int
    cpu: float
    command: str


def parse_stat(text: str, command: str) -> Process:
    """Read a line of /proc/<pid>/stat; the name in parentheses may hold anything, so the rest is counted from its end."""
    pid = int(text.split(" ", 1)[0])
    fields = text[text.rindex(")") + 2 :].split()
    ticks = sum(int(fields[column]) for column in (11, 12, 13, 14))
    return Process(pid, int(fields[1]), int(fields[3]), ticks / TICK, command)


def of_sessions(sessions: Collection[int]) -> list[Process]:
    """Return the processes of these sessions that are alive; a server's are all in the session it was started in."""
    found = []
    for path in PROC.iterdir():
        if not path.name.isdigit():
            continue
        try:
            stat = (path / "stat").read_text(encoding="utf-8", errors="replace")
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        process = parse_stat(stat, command)
        if process.session in sessions:
            found.append(process)
    return found


def workers(processes: Collection[Process], helper: str = "") -> list[Process]:
    """Return those that serve: the ones without children, less those whose command has ``helper`` in it."""
    parents = {process.parent for process in processes}
    return [
        process
        for process in processes
        if process.pid not in parents and not (helper and helper in process.command)
    ]


def memory(pid: int) -> int:
    """Return the process's own share of memory in bytes: pages that it shares count in part (PSS).

    Raises ProcessLookupError when it has ended.
    """
    for line in (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"/proc/{pid}/smaps_rollup has no line Pss: is this kernel older than 4.14?")
