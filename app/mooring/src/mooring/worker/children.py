"""The processes that the application has started, at the worker's start and end (MOORING_CHILDREN, `mooring.family`)."""

from __future__ import annotations

import os
import sys
from typing import Any

from mooring import family, settings
from mooring.worker import log


def end_orphans(config: settings.Settings, title: str) -> None:
    """End what is left of a worker that was killed in this one's place; ``title`` is its name for ps."""
    names = [settings.variable(field) for field in ("instance", "run_dir", "colour", "number")]
    mark = {name: os.environ[name] for name in names if name in os.environ}
    family.end_orphans(title, mark, config.children_timeout)


def end_children(config: settings.Settings) -> None:
    """Do with the processes that the application has started as the setting says; the log names them."""
    if config.children == "leave":
        if left := family.others():
            log.event("children_left", processes=[str(one) for one in left])
        _forget_processes()
        return
    ended, killed = family.end_group(config.children_timeout, _resource_tracker())
    if ended or killed:
        named = {"ended": [str(one) for one in ended], "killed": [str(one) for one in killed]}
        log.event("children", **named, after_seconds=config.children_timeout)


def started_processes() -> list[Any]:
    """Return the children of multiprocessing that are not daemons."""
    module = sys.modules.get("multiprocessing.process")
    return [] if module is None else [one for one in module.active_children() if not one.daemon]


def _forget_processes() -> None:
    """Have multiprocessing not wait for its processes at this one's end: they are to live on."""
    module = sys.modules.get("multiprocessing.process")
    if module is not None:
        module._children.difference_update(started_processes())


def _resource_tracker() -> set[int]:
    """Return the pid of multiprocessing's resource tracker: it ignores SIGTERM, and ends with this process."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    pid = None if module is None else module._resource_tracker._pid
    return set() if pid is None else {pid}
