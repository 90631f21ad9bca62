"""`compare`: is this host as a deploy wants it? Changes nothing. Python 3.8's standard library alone.

What a deploy places outside of releases is compared with what stands there; the virtualenvs and the release are checked
against their manifests, and supervisord is looked for. Whether what serves is right, `verify` tells.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from mooring.host import daemon, integrity, layout, lock
from mooring.host.instance import Root


def compare(  # noqa: PLR0913, PLR0917 - what is wanted of a host
    root: Path,
    instance: str,
    entries: list[dict[str, Any]],
    supervisor_virtualenv: str,
    virtualenv: str,
    release: str,
    timeout: float = 20,
    units: list[str] | None = None,
    run: str = "",
    secret: bool = False,
) -> dict[str, Any]:
    """Compare the host with what is wanted of it; `same` when nothing differs, and a sentence for each difference.

    `set_up`: supervisord runs as it is wanted, and all that a deploy places outside of releases stands there.
    `entries` are files, folders and links as `place` takes them; `supervisor_virtualenv` and `virtualenv` name the bundles that
    supervisord and the release run from, `release` is the hash of what goes into the release. `timeout`, in seconds, is
    for a supervisord that runs and does not answer. `units` are those of systemd that it runs by; one whose file was changed
    since systemd has read it is a difference. Another run than `run` that has the lock is one as well.
    PlacingError, DaemonError, OSError.
    """
    where = Root(root)
    mine = where.instance(instance)
    placed = layout.place(entries, secret, check=True)
    trees = {
        "supervisor": integrity.choose("virtualenv", where.supervisor / "venvs", supervisor_virtualenv),
        "virtualenv": integrity.choose("virtualenv", mine.home / "venvs", virtualenv),
        "release": integrity.choose("release", mine.releases, release),
    }
    supervisord = daemon.Daemon(where.configuration)
    # Somebody may have removed the folder of its control socket: it comes again with what is placed, and the socket with it.
    reachable = supervisord.socket.parent.is_dir()
    pid = supervisord.find(timeout) if reachable else supervisord.process()
    outdated = reachable and pid != 0 and where.configuration.exists() and supervisord.outdated(timeout)
    outside = [f"{path} differs" for path in placed["paths"]]
    link = where.supervisor / "venv"
    if (
        trees["supervisor"]["exists"]
        and link.resolve() != where.supervisor / "venvs" / trees["supervisor"]["name"]
    ):
        outside.append(f"{link} leads elsewhere")
    if not pid:
        outside.append("supervisord does not run")
    elif outdated:
        outside.append(f"supervisord (process {pid}) has not read {where.configuration} since it was changed")
    unread = _unread(units or [])
    outside += [f"systemd has not read {unit} since it was changed" for unit in unread]
    lacking = [f"{kind} {tree['name']} is not there" for kind, tree in trees.items() if not tree["exists"]]
    differences = outside + lacking
    if lock.is_held(mine.lock, run):
        differences.append(f"{mine.lock} is held by another run")
    return {
        **trees,
        "changed": False,
        "same": not differences,
        "set_up": not outside and trees["supervisor"]["exists"],
        "differences": differences,
        "paths": placed["paths"],
        "diff": placed["diff"],
        "before": placed["before"],
        "supervisord": pid,
        "outdated": outdated,
        "unread_units": unread,
    }


def _unread(units: list[str]) -> list[str]:
    """List those whose files were changed since systemd has read them (systemctl(1), NeedDaemonReload). OSError."""
    if not units:
        return []
    done = subprocess.run(
        ["systemctl", "show", "--property=Id,NeedDaemonReload", *units],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    told = [
        dict(line.split("=", 1) for line in each.splitlines() if "=" in line)
        for each in done.stdout.split("\n\n")
    ]
    return [each["Id"] for each in told if each.get("NeedDaemonReload") == "yes" and each.get("Id") in units]
