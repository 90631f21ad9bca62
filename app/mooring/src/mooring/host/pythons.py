"""Python interpreters of a host: each is asked what it is, as the user who is to run it.

The probe sends this to hosts that have nothing installed: Python 3.8's standard library and syntax.
"""

from __future__ import annotations

import glob
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from mooring.host import folders, users

# What each candidate interpreter says of itself. It must run on any Python 3. Of a virtualenv it names the
# interpreter that it was made from: that one stays.
PROBE = """
import json, os, platform, sys, sysconfig
from importlib.util import find_spec
libc = platform.libc_ver()
print(json.dumps({
    "path": sys.executable if sys.prefix == sys.base_prefix else os.path.realpath(sys.executable),
    "version": list(sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "machine": platform.machine(),
    "libc": libc[0] or "unknown",
    "libc_version": libc[1],
    "abi": sysconfig.get_config_var("SOABI") or "",
    "library": os.path.dirname(os.__file__),
    "venv": find_spec("venv") is not None,
    "ensurepip": find_spec("ensurepip") is not None,
}))
"""

# What is said of an interpreter that the service user cannot run: it is named in the error, and never chosen.
UNUSABLE = {
    "version": [],
    "implementation": "unknown",
    "libc": "unknown",
    "venv": False,
    "user_may_run": False,
    "exposed": None,
}


def python_facts(extra: list[str], user: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Ask every Python 3 that is found what it is, the newest first, each real interpreter once.

    `extra` are paths to try before those of PATH and the usual folders. Each is run as the service user, where we
    may become it: what that user cannot run has `user_may_run` false and nothing more than its path; None stands
    where it could not be tried (we are not root and not that user).
    """
    searched = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    # glob passes over folders that may not be looked into; Path.glob raises
    named = [path for folder in searched if folder for path in sorted(glob.glob(f"{folder}/python3*"))]  # noqa: PTH207
    candidates = [path for path in named if re.fullmatch(r"python3(\.\d+)?", Path(path).name)]
    facts: dict[str, dict[str, Any]] = {}
    tried = set()
    for candidate in [*extra, sys.executable, *candidates]:
        file = os.path.realpath(candidate)
        if file in tried or not os.access(candidate, os.X_OK):
            continue
        said = _ask(candidate, user)
        if said is not None and said["exposed"]:  # by another way it may be safe
            facts[candidate] = said
            continue
        tried.add(file)
        if said is not None:
            facts.setdefault(os.path.realpath(said["path"]), said)
        elif users.may_become(user):
            facts.setdefault(file, {**UNUSABLE, "path": candidate})
    return sorted(facts.values(), key=lambda each: each["version"], reverse=True)


def _ask(path: str, user: dict[str, Any] | None) -> dict[str, Any] | None:
    """Ask one interpreter what it is, as the user who is to run it; None when that user gets no answer.

    As long as it runs, that user can look into it: it has neither our environment nor, in a session of its own, our terminal.
    """
    becomes = os.geteuid() == 0 and user is not None and users.may_become(user)
    try:
        done = subprocess.run(
            [path, "-I", "-c", PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=users.ANSWER_TIMEOUT,
            check=False,
            cwd="/",
            env=users.environment_of(user["uid"]) if becomes and user is not None else None,
            start_new_session=becomes,
            preexec_fn=lambda: users.become(user),
        )
        if done.returncode != 0:
            return None
        said = json.loads(done.stdout)
        exposed_at = folders.exposed([path, said["path"], said["library"]], user)
        return {**said, "user_may_run": True if users.may_become(user) else None, "exposed": exposed_at}
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # it can't be run, or is no Python: no candidate then
