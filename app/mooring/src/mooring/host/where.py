"""Which `mooring_root`, and which instance there, a command line means when it does not say so."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

from mooring.host import errors
from mooring.host.instance import Root


def installed_root(prefix: Path | None = None) -> Path | None:
    """Return the `mooring_root` that the virtualenv at `prefix` (this Python's) belongs to; None: to none.

    The virtualenv is `<root>/supervisor/venvs/<id>`, and `<root>/supervisor/venv` is a link to it.
    """
    found = Path(prefix or sys.prefix)
    supervisor = found.parent.parent if found.parent.name == "venvs" else found.parent
    if supervisor.name != "supervisor" or not Root(supervisor.parent).configuration.is_file():
        return None
    return supervisor.parent


def root(given: Path | None) -> Path:
    """Return the `mooring_root` that is meant. CallError when nothing tells which; NothingThereError; HostError."""
    found = given.absolute() if given else installed_root()
    if found is None:
        raise errors.CallError(
            f"{sys.prefix} belongs to no mooring_root: name it, --root DIR, or run <mooring_root>/supervisor/venv/bin/mooringctl"
        )
    folder = found / "instances"
    if not os.path.lexists(found):
        raise errors.NothingThereError(f"{found} is not there: --root names the mooring_root of a deploy")
    if not os.access(found, os.X_OK) or (folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK)):
        raise errors.HostError(
            f"{user_name(os.geteuid())} cannot read {folder}, so what is deployed there is not known."
            f" Run this as who deploys, {user_name(found.stat().st_uid)}, or as root: sudo …"
        )
    return found


def user_name(uid: int) -> str:
    """Return the name of a user, its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def instance(root: Path, given: str) -> str:
    """Return the name of the instance that is meant: the only one when none is given. CallError; NothingThereError."""
    if given:
        return given
    found = Root(root).instances()
    if not found:
        raise errors.NothingThereError(
            f"Nothing is deployed in {root} on this host. Deploy first: ansible-playbook deploy.yml"
        )
    if len(found) > 1:
        raise errors.CallError(f"{root} has several instances. Name one: --instance {' | '.join(found)}")
    return found[0]
