"""`update`: bring the groups that are named to what the configuration says of them, and touch no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from supervisor.xmlrpc import Faults

from mooring.control.errors import ControlError
from mooring.control.server import FaultError, Server, fault_means, polling

Progress = Callable[[str], None]


def update(server: Server, groups: list[str], timeout: float, progress: Progress) -> dict[str, Any]:
    """Add, replace or remove the groups; a group that is as configured, or known to nobody, is left alone.

    All is checked before anything is stopped: that the whole configuration can be read, and that every
    socket that will be needed is open or can be opened. Removal waits until the processes have drained,
    `timeout` seconds at most for each group (supervisord itself kills them after their stopwaitsecs).
    ControlError.
    """
    with fault_means(
        Faults.CANT_REREAD, lambda f: f"the configuration is wrong, nothing is changed: {f.text}"
    ):
        [[added, changed, removed]] = server.call("supervisor.reloadConfig")
    added, changed, removed = ([g for g in groups if g in each] for each in (added, changed, removed))
    for group in added + changed:
        _check_socket(server, group)
    for group in added:
        server.call("supervisor.addProcessGroup", group)
        progress(f"{group}: added")
    for group in changed:
        _remove(server, group, timeout, progress)
        try:
            server.call("supervisor.addProcessGroup", group)
        except FaultError as fault:
            raise ControlError(f"{group} is removed, but can't be added again: {fault.text}") from fault
        progress(f"{group}: replaced")
    for group in removed:
        _remove(server, group, timeout, progress)
        progress(f"{group}: removed")
    return {
        "changed": bool(added or changed or removed),
        "added": added,
        "removed": removed,
        "replaced": changed,
    }


def _check_socket(server: Server, group: str) -> None:
    with fault_means(Faults.FAILED, lambda f: f"nothing is changed: {f.text.removeprefix('FAILED: ')}"):
        server.call("mooring.checkSocket", group)


def _remove(server: Server, group: str, timeout: float, progress: Progress) -> None:
    """Stop the group's processes and take it out, as soon as all have ended."""
    reported = -1
    for left in polling(timeout):
        processes = server.processes(group)
        running = [p for p in processes if not p.stopped]
        if not running:
            try:
                server.call("supervisor.removeProcessGroup", group)
            except FaultError as fault:
                # One that had just ended by itself was started again between the look and the removal
                if fault.code != Faults.STILL_RUNNING:
                    raise
            else:
                return
        if any(p.state != "STOPPING" for p in running):
            server.call("supervisor.stopProcessGroup", group, False)
        if reported not in (-1, len(running)):
            progress(f"{group}: {len(processes) - len(running)} of {len(processes)} have ended")
        reported = len(running)
        if not left:
            names = ", ".join(f"{p.full_name} (pid {p.pid}, {p.state})" for p in running)
            raise ControlError(
                f"{group} still runs after {timeout:g} s: {names}; is stopwaitsecs longer than that?"
            )
