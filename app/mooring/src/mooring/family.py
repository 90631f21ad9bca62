"""What a worker or companion leaves behind: the processes that its application has started.

supervisord makes each of its children the leader of a process group, and a process that the application starts is in that
group, unless it leaves it on purpose (setsid, a daemon). The rule, MOORING_CHILDREN:

- ``end``: the leader ends its group as the last thing it does: SIGTERM, and SIGKILL for what is still there
  MOORING_CHILDREN_TIMEOUT seconds later. Not before: in a drain, requests in flight may need their children. Where the
  leader is killed, supervisord and the watchdog kill the group; and its successor ends what is left of it.
- ``leave``: they live on.

Every process of an instance, whoever started it, has MOORING_INSTANCE in its environment, by which `mooringctl leftovers`
lists those that belong to no running worker, bootstrap or companion.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mooring import texts, untrusted

LOOK = 0.02
"""Seconds between two looks whether a process has ended."""


@dataclass(frozen=True)
class Relative:
    """A process: its pid, its process group, whose it is (a user's number), and its command line for people."""

    pid: int
    group: int
    owner: int
    command: str

    def __str__(self) -> str:
        """Return pid and command."""
        return f"{self.pid} ({self.command})"


def end_group(timeout: float, spared: Iterable[int] = ()) -> tuple[list[Relative], list[Relative]]:
    """End all other processes of the group that this one leads; return those that ended, and those that were killed.

    ``timeout`` is in seconds from SIGTERM to SIGKILL. ``spared``: pids that end by themselves when this process does. A
    process that leads no group (started by hand, say) ends nothing.
    """
    if os.getpgrp() != os.getpid():
        return [], []
    return _end(lambda: [one for one in _members(os.getpid()) if one.pid not in spared], timeout)


def end_orphans(title: str, mark: dict[str, str], timeout: float) -> tuple[list[Relative], list[Relative]]:
    """End what a dead predecessor has left: see ``orphans``; ``timeout`` as of ``end_group``."""
    return _end(lambda: orphans(title, mark, Path.cwd()), timeout)


def others() -> list[Relative]:
    """Return the other processes of the group that this one leads."""
    return _members(os.getpid()) if os.getpgrp() == os.getpid() else []


def orphans(
    title: str, mark: dict[str, str], here: Path | None = None, owner: int | None = None
) -> list[Relative]:
    """Return the processes of a family whose group's leader has gone; those of the user `owner` alone, default our own.

    A program that was started is known by its environment, which has all of ``mark``; a forked child by its name, which
    begins with ``title`` (to have a name, its parent has given up what /proc shows of its environment), and by its
    folder if ``here`` is given: another installation on this host may have an instance of the same name. Both can be
    forged by any user of the host, whose processes are none of the family's.
    """
    owner = os.geteuid() if owner is None else owner
    wanted = {f"{name}={value}".encode() for name, value in mark.items()}
    found = []
    for one in _processes(lambda group, its: its == owner and group != os.getpgrp()):
        if one.pid == os.getpid() or Path(f"/proc/{one.group}").exists():
            continue
        try:
            environ = untrusted.words_of(Path(f"/proc/{one.pid}"), "environ").split(b"\0")
            is_here = here is None or _home(Path(f"/proc/{one.pid}/cwd").readlink()) == _home(here)
        except OSError:  # another user's, or gone
            continue
        if (is_here and one.command.startswith(title)) or wanted.issubset(environ):
            found.append(one)
    return found


def _home(folder: Path) -> Path:
    """Return what a process's folder has in common with that of its successor, which may be of another release."""
    return folder.parent if folder.parent.name == "releases" else folder


def _end(look: Callable[[], list[Relative]], timeout: float) -> tuple[list[Relative], list[Relative]]:
    found = look()
    _signal(found, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    left = found
    while left and time.monotonic() < deadline:
        time.sleep(LOOK)
        left = look()
    _signal(left, signal.SIGKILL)
    killed = {one.pid for one in left}
    return [one for one in found if one.pid not in killed], left


def _signal(processes: Iterable[Relative], number: signal.Signals) -> None:
    for one in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one.pid, number)


def _members(group: int) -> list[Relative]:
    return [one for one in _processes(lambda its, _: its == group) if one.pid != os.getpid()]


def _processes(is_meant: Callable[[int, int], bool]) -> Iterator[Relative]:
    """Go through the processes that have not ended, and are meant by group and owner: proc_pid_stat(5), fields state and pgrp."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            owner = folder.stat().st_uid
            name, _, rest = stat.partition("(")[2].rpartition(")")
            fields = rest.split()
            if fields[0] in "ZX" or not is_meant(int(fields[2]), owner):
                continue
            command = untrusted.words_of(folder, "cmdline").replace(b"\0", b" ").strip()
        except OSError:
            continue
        text = command.decode("utf-8", "backslashreplace") or name
        yield Relative(int(folder.name), int(fields[2]), owner, texts.plain(text[:200]))
