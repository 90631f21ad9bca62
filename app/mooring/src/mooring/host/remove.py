"""`instance.remove`: drain an instance, and remove what Mooring has made of it. Python 3.8's standard library alone.

What somebody else has put into its folder stays, and is told; so does the application's data, unless that is to go as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mooring import removal
from mooring.host import daemon, lock
from mooring.host.instance import DATA, OWN_NAMES, Instance, Root


def remove(  # noqa: PLR0913 - what goes, and how
    root: Path,
    instance: str,
    drain_timeout: float,
    *,
    run: str = "",
    take_over: str = "",
    remove_data: bool = False,
    check: bool,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Remove the instance; each group's processes have `drain_timeout` seconds. LockedError, DaemonError, OSError.

    Returns `there` (whether anything of it was), `groups` that were drained, `removed` paths, `data_left` (there are data
    and they stay) and `foreign`: what Mooring has not made.
    """
    mine = Root(root).instance(instance)
    found = sorted(path.name for path in mine.home.glob("*")) if mine.home.is_dir() else []
    there = any(name in OWN_NAMES for name in found)
    data_left = not remove_data and any((mine.home / DATA).glob("*"))
    foreign = [name for name in found if name not in (*OWN_NAMES, DATA)]
    going = [name for name in found if name in OWN_NAMES or (name == DATA and not data_left)]
    told = {"there": there, "data_left": data_left, "foreign": foreign}
    if check:
        return {"changed": there, **told, "groups": [], "removed": [str(mine.home / name) for name in going]}
    with _changing(mine, run, take_over, progress):
        groups = daemon.clear(mine, drain_timeout)
        # The lock goes last: who waits for it then sees that it has gone
        names = [*sorted({*going, "run", "log"} - {mine.lock.name}), mine.lock.name]
        removed = [str(mine.home / name) for name in names if removal.remove_tree(mine.home / name)]
        if not data_left and not foreign:
            with contextlib.suppress(
                OSError
            ):  # never a folder with something in it, whatever has come there meanwhile
                mine.home.rmdir()
    return {
        "changed": there or groups != [],
        **told,
        "there": there or groups != [],
        "groups": groups,
        "removed": removed,
    }


@contextlib.contextmanager
def _changing(mine: Instance, run: str, take_over: str, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock; an instance that has no folder (any more) has no command that holds it."""
    if not mine.home.is_dir():
        yield
        return
    with lock.changing(mine.lock, run, progress, take_over):
        yield
