"""A hostile dependency: its `.pth` file runs this in each Python that starts from the release's virtualenv.

It notes each start, with all that it has gained: one line of JSON in the instance's data folder, or beside that folder when
it has the right to write there.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

HOME = Path(os.path.realpath(sys.prefix)).parents[1]
"""The instance's folder: the virtualenv is <home>/venvs/<hash>."""


def gained() -> dict[str, Any]:
    """Tell who this process is, and what it has got from who started it."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    umask = os.umask(0)
    os.umask(umask)
    return {
        "pid": os.getpid(),
        "argv": sys.orig_argv,
        "uids": os.getresuid(),
        "gids": os.getresgid(),
        "groups": os.getgroups(),
        "capabilities": status["CapPrm"],
        "environ": dict(os.environ),
        "umask": umask,
        "folder": str(Path.cwd()),
        "terminal": has_terminal(),
        "keys": [line.split()[8].rstrip(":") for line in Path("/proc/keys").read_text().splitlines()],
        "files": {
            int(each.name): link(each) for each in Path("/proc/self/fd").iterdir() if int(each.name) > 2
        },
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "in_a_core": Path("/proc/self/coredump_filter").read_text().strip(),
        "no_new_privileges": status["NoNewPrivs"],
    }


def link(path: Path) -> str:
    """Read a link; "" for the descriptor that the folder was listed by."""
    try:
        return str(path.readlink())
    except FileNotFoundError:
        return ""


def has_terminal() -> bool:
    """Tell whether there is a controlling terminal: whoever has one can type into it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


def note() -> None:
    """Add a line."""
    name = "starts.jsonl"
    path = HOME / name if os.access(HOME, os.W_OK, effective_ids=True) else HOME / "data" / name
    with path.open("a") as file:
        file.write(json.dumps(gained()) + "\n")


note()
