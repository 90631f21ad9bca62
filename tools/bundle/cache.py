"""The folder that keeps what was built and fetched: who can write to it decides what targets install.

So nobody may write to it who may not write to this clone: that one decides anyway. A new folder gets such modes, whatever
the umask is. An old one with others is refused, since nobody knows what has been put into it.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bundle.errors import BundleError

CLONE = Path(__file__).parents[2]
OTHERS = stat.S_IWGRP | stat.S_IWOTH


@contextmanager
def private_umask() -> Iterator[None]:
    """Have what is made meanwhile be writable for no more people than the clone is."""
    clone = CLONE.stat()
    group = (
        clone.st_gid if clone.st_mode & stat.S_ISGID else os.getegid()
    )  # of what is made in a folder with that bit
    before = os.umask(0)
    os.umask(before | OTHERS & ~_open_to(clone, group))
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process at a time build: hosts with the same Python want the same. The kernel ends the turn of one that dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".building").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def check(folder: Path) -> None:
    """Refuse a cache that others may write to, or whose content is somebody else's. Raises BundleError."""
    clone = CLONE.stat()
    ours = {os.geteuid(), 0, clone.st_uid}
    for path, state in _walk(folder):
        if state.st_uid not in ours:
            why = f"belongs to another user (uid {state.st_uid})"
        elif not stat.S_ISLNK(state.st_mode) and state.st_mode & OTHERS & ~_open_to(clone, state.st_gid):
            why = f"can be written by others (mode {stat.S_IMODE(state.st_mode):04o})"
        else:
            continue
        raise BundleError(
            f"{path} {why}, and targets install what stands there: remove {folder}, it is built again"
        )


def _open_to(clone: os.stat_result, group: int) -> int:
    """Return the bits of a mode by which people who may write to the clone may write to a file of that group."""
    if clone.st_mode & stat.S_IWOTH:
        return OTHERS
    return stat.S_IWGRP if clone.st_mode & stat.S_IWGRP and clone.st_gid == group else 0


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the folder and all below it; it need not be there."""
    try:
        yield str(folder), folder.stat()
    except FileNotFoundError:
        return
    waiting = [str(folder)]
    while waiting:
        # Another run may have finished with what it has made; what root alone may read, nobody else has written.
        with suppress(FileNotFoundError, PermissionError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    yield entry.path, entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
