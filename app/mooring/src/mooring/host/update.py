"""`update`: bring the groups that are named to what the configuration says of them, and touch no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults

from mooring.host.checkfile import check_file
from mooring.host.errors import HostError
from mooring.host.lastwords import Marks, marks_of
from mooring.host.server import FaultError, Server, SilentError, fault_means, polling

Progress = Callable[[str], None]


def update(
    server: Server,
    groups: list[str],
    timeout: float,
    progress: Progress,
    *,
    fresh: bool = False,
) -> dict[str, Any]:
    """Add, replace or remove the groups; a group that is as configured, or that supervisord does not know, is left alone.

    With `fresh` a group that is as configured is replaced as well: none of its processes is one that an earlier run has
    left, stopped or in a drain.

    All is checked before anything is stopped: that the whole configuration can be read, and that every
    socket that will be needed is open or can be opened. Removal waits until the processes have drained,
    `timeout` seconds at most for each group (supervisord itself kills them after their stopwaitsecs).
    HostError.
    """
    every = reread(server)
    added, changed, removed = ([g for g in groups if g in each] for each in every)
    if fresh:
        active = {process.group for process in server.processes()}
        changed = [g for g in groups if g in changed or (g in active and g not in removed)]
    for group in added + changed:
        _check_socket(server, group)
    marks = marks_of(server, added + changed) if added + changed else Marks()
    for group in added:
        server.call("supervisor.addProcessGroup", group)
        progress(f"{group}: added")
    for group in changed:
        _remove(server, group, timeout, progress)
        try:
            server.call("supervisor.addProcessGroup", group)
        except FaultError as fault:
            raise HostError(f"{group} is removed, but can't be added again: {fault.text}") from fault
        progress(f"{group}: replaced")
    for group in removed:
        _remove(server, group, timeout, progress)
        progress(f"{group}: removed")
    return {
        "changed": bool(added or changed or removed),
        "added": added,
        "removed": removed,
        "replaced": changed,
        "marks": marks.as_json(),
    }


def reread(server: Server) -> tuple[list[str], list[str], list[str]]:
    """Have supervisord read its configuration; return the groups that are added, changed and removed by it.

    HostError: it cannot be read. Supervisord does not name the file, so they are read one by one.
    """
    with fault_means(
        Faults.CANT_REREAD,
        lambda f: f"the configuration is wrong, nothing is changed: {_wrong_file(server) or f.text}",
    ):
        match server.call("supervisor.reloadConfig"):
            case [[list(added), list(changed), list(removed)]]:
                return added, changed, removed
            case _:
                raise SilentError(f"supervisord at {server.url} answers with what is no list of groups")


def reread_if_possible(server: Server, progress: Progress) -> None:
    """Have supervisord read its configuration; a wrong file that is not ours prevents no removal."""
    try:
        reread(server)
    except SilentError:
        raise
    except HostError as error:
        progress(str(error))


def changed_groups(server: Server) -> list[str]:
    """Return the groups that run with another configuration than that on disk. HostError."""
    return reread(server)[1]


def remove(server: Server, groups: list[str], timeout: float, progress: Progress) -> list[str]:
    """Stop the groups and take them out, whether they are configured or not; return those that were there. HostError."""
    active = {process.group for process in server.processes()}
    there = [group for group in groups if group in active]
    for group in there:
        _remove(server, group, timeout, progress)
        progress(f"{group}: removed")
    return there


def _wrong_file(server: Server) -> str:
    """Say which of supervisord's program files is wrong; "" when that cannot be found out.

    They are in `conf.d` beside the folder of the control socket (templates/supervisor/supervisord.conf.j2).
    """
    control = Path(server.url.removeprefix("unix://"))
    for home in (control.parent.parent, control.parent):
        for path in sorted((home / "conf.d").glob("*.conf")):
            if problem := _problem_of(path):
                return problem
    return ""


def _problem_of(path: Path) -> str:
    try:
        check_file(path)
    except HostError as error:
        return f"{error}. Put it right, or take it away"
    return ""


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
            raise HostError(
                f"{group} still runs after {timeout:g} s: {names}; is stopwaitsecs longer than that?"
            )
