"""The calls that need Mooring installed: each names an instance by its `mooring_root` and its name, and takes its lock.

What a call does stands in the module of its name; here is what all of them share: the instance must be there, and whoever
changes it holds its lock. The parameters are the arguments of the call (`mooring.host.calls`).
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from mooring import family, process, removal, settings
from mooring.host import (
    checkfile,
    daemon,
    errors,
    integrity,
    layout,
    live,
    lock,
    shared,
    state,
    survey,
)
from mooring.host import (
    reconcile as reconciling,
)
from mooring.host import (
    releases as known,
)
from mooring.host import (
    restart as restarting,
)
from mooring.host import (
    status as states,
)
from mooring.host import (
    switch as switching,
)
from mooring.host import (
    verify as verifying,
)
from mooring.host.gate import Progress, Timeouts
from mooring.host.instance import Instance, Root
from mooring.host.server import Server, SilentError, polling

START_TIMEOUT = 20.0
"""Seconds within which supervisord must answer after its start."""
RELOAD_TIMEOUT = 900.0
"""Seconds within which supervisord must have drained and started all that it runs: longer than the longest drain."""
MOVING = ("STARTING", "BACKOFF", "STOPPING")
"""States of a process that supervisord leaves by itself."""


def deployed(root: Path, name: str) -> Instance:
    """Return an instance that something is deployed of. NothingThereError names those that are there."""
    where = Root(root)
    found = where.instances()
    if name in found:
        return where.instance(name)
    if not found:
        raise errors.NothingThereError(
            f"Nothing is deployed in {root} on this host. Deploy first: ansible-playbook deploy.yml"
        )
    raise errors.NothingThereError(
        f"There is no instance {name} in {root} on this host; deployed there: {', '.join(found)}. Name one of them,"
        f" for example -e api_name={found[0]} (by hand: --instance {found[0]}), or deploy: ansible-playbook deploy.yml"
    )


def _intact(instance: Instance, release: str) -> None:
    """Refuse a damaged release: a worker that starts from it may not come up. HostError."""
    found = integrity.check_release(instance.home, release)
    if not found["intact"]:
        raise errors.HostError(
            f"Release {release} on this host is damaged: {'; '.join(found['problems'])}. A process that starts from it may not"
            " come up; those that run were not touched. Deploy what it was made of again: it is built beside the damaged one,"
            " and switched to."
        )


def _live(instance: Instance, timeout: float) -> live.Live:
    """Return what is live. NothingThereError."""
    found = state.find(instance, timeout)
    if found.live == live.NOTHING:
        raise errors.NothingThereError(
            f"Nothing is live in {instance.home} on this host. {found.doubt} Deploy first: ansible-playbook deploy.yml"
        )
    return found.live


# --- supervisord and releases --------------------------------------------------------------------------------


def start(root: Path, user: str, *, timeout: float = START_TIMEOUT, progress: Progress) -> dict[str, Any]:
    """Start supervisord in the background as that user, if it does not run, and wait until it answers, `timeout` seconds."""
    where = Root(root)
    with shared.alone(where.supervisor, progress):
        pid = daemon.Daemon(where.configuration).find(timeout)
        if pid:
            return {"changed": False, "started": False, "pid": pid}
        words = [
            sys.executable,
            "-I",
            "-m",
            "mooring.start",
            "--user",
            user,
            "--conf",
            str(where.configuration),
        ]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise errors.HostError(
                f"supervisord cannot be started (status {done.returncode}): {done.stderr.strip()}"
            )
        progress("supervisord is started")
        return {**wait(root, timeout=timeout), "changed": True, "started": True}


def wait(root: Path, *, timeout: float = START_TIMEOUT) -> dict[str, Any]:
    """Wait until supervisord answers, `timeout` seconds at most; its `pid`."""
    return {"changed": False, "pid": Server(f"unix://{Root(root).control}").wait(timeout)}


def reload(root: Path, *, timeout: float = RELOAD_TIMEOUT, progress: Progress) -> dict[str, Any]:
    """Have supervisord read its configuration again if that was changed, and wait until all that it runs is started again.

    It answers a reload at once, drains every process of every instance, and starts them again; the sockets stay open meanwhile.
    What does not come up again is left to who looks at that instance. HostError after `timeout` seconds.
    """
    where = Root(root)
    if not daemon.Daemon(where.configuration).outdated(START_TIMEOUT):
        return {"changed": False}
    progress("supervisord reads its changed configuration, and starts all that it runs again")
    server = Server(f"unix://{where.control}")
    server.call("supervisor.restart")
    moving: list[str] = []
    for _ in polling(timeout):
        with contextlib.suppress(SilentError):
            moving = [each.full_name for each in server.processes() if each.state in MOVING]
            if not moving:
                return {"changed": True}
    raise errors.HostError(
        f"supervisord of {root} on this host was told to read its changed configuration, and has not started everything again"
        f" after {timeout:g} s: {', '.join(moving) or 'it still drains'}. It goes on; look with mooringctl status."
    )


def place_release(  # noqa: PLR0913 - what goes into it
    root: Path,
    instance: str,
    release: str,
    entries: list[dict[str, Any]],
    *,
    run: str = "",
    secret: bool = False,
    progress: Progress,
) -> dict[str, Any]:
    """Make a release of `entries`, whose paths are relative to its folder, and seal it: it is whole or not there.

    The first entry may have the path `.`, for the folder's own mode and group. Program files are checked by supervisord's own
    parser before. A release that is complete already is refused. HostError, OSError.
    """
    mine = Root(root).instance(instance)
    folder = mine.release(release)
    with lock.changing(mine.lock, run, progress):
        if integrity.is_complete(folder):
            raise errors.HostError(
                f"{folder} is complete, and is never written again: compare tells which id is free"
            )
        removal.remove_tree(folder)  # what a killed run has left
        layout.place([{**each, "path": str(folder / each["path"])} for each in entries], secret)
        for path in [*sorted(folder.glob("*.conf")), *sorted((folder / "companions").glob("*.conf"))]:
            checkfile.check_file(path)
        files = integrity.seal(folder)
    return {"changed": True, "files": files}


# --- what serves ---------------------------------------------------------------------------------------------


def plan(
    root: Path, instance: str, *, release: str = "", gate_timeout: float = Timeouts().gate
) -> dict[str, Any]:
    """Tell what is live and what a release ("": the live one) needs; changes nothing. See `mooring.host.switch.plan`."""
    return {
        "changed": False,
        **switching.plan(Root(root).instance(instance), release, gate_timeout, repairs=False),
    }


def switch(  # noqa: PLR0913 - what, from what, and how
    root: Path,
    instance: str,
    release: str,
    *,
    run: str = "",
    take_over: str = "",
    damaged: list[str] | None = None,
    gate_timeout: float = Timeouts().gate,
    drain_timeout: float = Timeouts().drain,
    keep: int = 0,
    check: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Have this release serve; see `mooring.host.switch.switch`. With `check` what a switch would start from is told."""
    mine, timeouts = deployed(root, instance), Timeouts(gate_timeout, drain_timeout)
    if check:
        return _previewed(mine, release, gate_timeout)
    with lock.changing(mine.lock, run, progress, take_over):
        return switching.switch(mine, release, timeouts, progress, damaged=damaged or [], keep=keep)


def _previewed(mine: Instance, release: str, gate_timeout: float) -> dict[str, Any]:
    found = switching.plan(mine, release, gate_timeout, repairs=False)
    return {
        **found,
        "changed": found["switch"] != "",
        "why": found["switch"],
        "before": found["live"],
        "release": release,
    }


def rollback(  # noqa: PLR0913 - to what, and how
    root: Path,
    instance: str,
    *,
    release: str = "previous",
    run: str = "",
    take_over: str = "",
    gate_timeout: float = Timeouts().gate,
    drain_timeout: float = Timeouts().drain,
    keep: int = 0,
    check: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Switch to the release before (`previous`), or to that of an id, if it is intact; as `switch`, and `release`: its id."""
    mine, timeouts = deployed(root, instance), Timeouts(gate_timeout, drain_timeout)
    if check:
        chosen = known.choose(mine.home, release)
        _intact(mine, chosen)
        return _previewed(mine, chosen, gate_timeout)
    with lock.changing(mine.lock, run, progress, take_over):
        chosen = known.choose(mine.home, release)
        _intact(mine, chosen)
        return {**switching.switch(mine, chosen, timeouts, progress, keep=keep), "release": chosen}


def restart(  # noqa: PLR0913 - what, and how
    root: Path,
    instance: str,
    *,
    run: str = "",
    take_over: str = "",
    gate_timeout: float = Timeouts().gate,
    drain_timeout: float = Timeouts().drain,
    check: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Restart the workers one after the other, each ready before the next; `restarted`: name, old_pid and pid of each."""
    mine = deployed(root, instance)
    _intact(mine, _live(mine, gate_timeout).release)
    if check:
        return {"changed": True, "restarted": []}
    with lock.changing(mine.lock, run, progress, take_over):
        done = restarting.restart(mine, Timeouts(gate_timeout, drain_timeout), progress)
    return {"changed": True, "restarted": done}


def reconcile(  # noqa: PLR0913 - what, and how
    root: Path,
    instance: str,
    *,
    release: str = "",
    run: str = "",
    take_over: str = "",
    gate_timeout: float = Timeouts().gate,
    drain_timeout: float = Timeouts().drain,
    check: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Bring the processes to what is live, whatever an interrupted run has left; see `mooring.host.reconcile`."""
    mine = deployed(root, instance)
    if check:
        return reconciling.preview(mine, release, gate_timeout)
    with lock.changing(mine.lock, run, progress, take_over):
        return reconciling.reconcile(mine, release, Timeouts(gate_timeout, drain_timeout), progress)


def verify(
    root: Path, instance: str, *, gate_timeout: float = Timeouts().gate, progress: Progress
) -> dict[str, Any]:
    """Check that what is live is what it should be, its files, each worker, the API's answer and the companions."""
    mine = deployed(root, instance)
    _intact(mine, _live(mine, gate_timeout).release)
    found = verifying.verify(mine, gate_timeout, progress)
    switching.check_what_serves(mine, found["live"]["release"], found["manifest"], progress)
    return {"changed": False, **found, "serving": survey.serving(mine)}


def status(root: Path, instance: str) -> dict[str, Any]:
    """Tell the state: processes, what serves, what is wrong, the `releases`; and all of it as `text` for people."""
    mine = deployed(root, instance)
    found = states.whole_status(mine)
    there = known.releases(mine.home) if mine.releases.is_dir() else []
    lines = [
        f"release {each['release']}  {each['framework']}, {each['workers']} workers, {each['url']}  {each['role']}".rstrip()
        for each in there
    ]
    return {"changed": False, **found, "releases": there, "text": "\n".join([states.as_text(found), *lines])}


def serving(root: Path, instance: str) -> dict[str, Any]:
    """Say in one sentence what serves now; it never fails."""
    return {"changed": False, "serving": survey.serving(Root(root).instance(instance))}


def leftovers(root: Path, instance: str) -> dict[str, Any]:
    """List what dead workers and companions have left running; `leftovers`: pid and command of each."""
    mine = deployed(root, instance)
    owner = mine.run_dir.stat().st_uid  # the service user's
    mark = {settings.variable("instance"): mine.name}
    found = family.orphans(process.title_of(mine.name, ""), mark, owner=owner)
    return {"changed": False, "leftovers": [{"pid": one.pid, "command": one.command} for one in found]}


# --- releases ------------------------------------------------------------------------------------------------


def releases(root: Path, instance: str) -> dict[str, Any]:
    """List the releases, the newest first."""
    return {"changed": False, "releases": known.releases(deployed(root, instance).home)}


def prune(  # noqa: PLR0913 - what, and how
    root: Path,
    instance: str,
    keep: int,
    *,
    run: str = "",
    take_over: str = "",
    check: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Remove the oldest releases until `keep` are left, and virtualenvs that none points to; `removed`: below the instance."""
    mine = deployed(root, instance)
    if check:
        removed = known.to_prune(mine.home, keep)
    else:
        with lock.changing(mine.lock, run, progress, take_over):
            removed = known.prune(mine.home, keep)
    return {"changed": removed != [], "removed": removed}


def restore(  # noqa: PLR0913 - what a proof has found
    root: Path, instance: str, previous: str, known_releases: list[str], *, run: str = "", progress: Progress
) -> dict[str, Any]:
    """Take back what a proof has built; see `mooring.host.releases.restore`."""
    mine = deployed(root, instance)
    with lock.changing(mine.lock, run, progress):
        removed = known.restore(mine.home, previous, set(known_releases))
    return {"changed": removed != [], "removed": removed}
