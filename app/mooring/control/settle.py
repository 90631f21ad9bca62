"""`settle`: bring supervisord to what live.json says, whatever an interrupted deploy has left.

live.json names the live colour and release, and is written between gate and drain: so what it names has proved itself,
and everything else of the instance may go. Afterwards there are the bootstrap and the live colour, with the program
files of the live release, all ready (one that was stopped is started), and the other colour has
drained. Safe to run at any time, and again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults

from mooring import releases
from mooring.control.errors import ControlError
from mooring.control.gate import Expected, Progress, gate, wait_process
from mooring.control.server import FaultError, Server, own_groups
from mooring.control.update import update


def settle(
    server: Server, home: Path, conf_dir: Path, timeouts: tuple[float, float], progress: Progress
) -> dict[str, Any]:
    """Settle the instance of the folder `home`; `timeouts` are those of the gate and of a drain, in seconds.

    Returns whether anything was changed, and what went into the live release. ControlError.
    """
    try:
        live = releases.live(home)
    except releases.NoInstanceError as error:
        raise ControlError(str(error)) from error
    folder = home / "releases" / live["release"]
    try:
        manifest = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ControlError(f"live.json names a release that is not there: {error}; deploy again") from error
    instance, colour = manifest["instance"], live["colour"]
    bootstrap, serving = f"{instance}-bootstrap", f"{instance}-{colour}"
    companions = {f"{instance}-{path.stem}": path for path in sorted((folder / "companions").glob("*.conf"))}
    files = {bootstrap: folder / "bootstrap.conf", serving: folder / f"{colour}.conf", **companions}
    doomed = [group for group in _groups(server, instance, conf_dir) if group not in files]
    written = [_put(source, conf_dir / f"{group}.conf") for group, source in files.items()]
    dropped = [_drop(conf_dir / f"{group}.conf") for group in doomed]
    gate_timeout, drain_timeout = timeouts
    done = update(server, [*files, *doomed], drain_timeout, progress)
    started = _start_stopped(server, list(files), progress)
    wait_process(server, home / "run", bootstrap, gate_timeout, progress)
    expected = Expected(serving, live["release"], manifest["workers"], proved=True)
    gate(server, home / "run", expected, gate_timeout, progress)
    return {
        **done,
        "changed": done["changed"] or any(written + dropped) or bool(started),
        "live": live,
        "manifest": manifest,
    }


def clear(
    server: Server, instance: str, conf_dir: Path, drain_timeout: float, progress: Progress
) -> dict[str, Any]:
    """Drain and remove every process and program file of the instance; `drain_timeout` in seconds. ControlError."""
    groups = _groups(server, instance, conf_dir)
    for group in groups:
        _drop(conf_dir / f"{group}.conf")
    return update(server, groups, drain_timeout, progress)


def _groups(server: Server, instance: str, conf_dir: Path) -> list[str]:
    """List the instance's groups, by program files and by what runs: an interrupted run may have left either alone."""
    own = own_groups(instance)
    running = {process["group"] for process in server.call("supervisor.getAllProcessInfo")}
    return sorted(
        name for name in running | {path.stem for path in conf_dir.glob("*.conf")} if own.fullmatch(name)
    )


def _start_stopped(server: Server, groups: list[str], progress: Progress) -> list[str]:
    """Start what somebody has stopped, or supervisord has given up on; return the names."""
    stopped = [
        p.full_name for p in server.processes() if p.group in groups and p.state in ("STOPPED", "FATAL")
    ]
    for name in stopped:
        try:
            server.call("supervisor.startProcess", name, False)
        except FaultError as fault:
            if fault.code != Faults.ALREADY_STARTED:
                raise
        progress(f"{name}: was stopped, is started")
    return stopped


def _put(source: Path, target: Path) -> bool:
    """Give the target the source's content, in one step; whether it had another."""
    content = source.read_bytes()
    if target.exists() and target.read_bytes() == content:
        return False
    partial = target.with_suffix(".partial")  # no .conf: supervisord does not read it
    partial.write_bytes(content)
    partial.chmod(0o644)
    os.replace(partial, target)  # noqa: PTH105 - Path.replace hides that it is rename(2), which is the point
    return True


def _drop(path: Path) -> bool:
    """Remove the file; whether it was there."""
    existed = path.exists()
    path.unlink(missing_ok=True)
    return existed
