"""Who attacks a host that root deploys to, and what an attacker sees of the deployment."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.site import Site

INTRUDER = Path(__file__).parent / "sites/intruder"
TOKEN = "a-token-of-the-deployers"
"""In the environment of who deploys; no process that is deployed has it."""
KEY = "a-key-of-the-deployers"
"""In the session keyring of who deploys (keyrings(7)); no process that is deployed can see it."""
PLANTED = ["argparse", "json", "mooring", "supervisor", "sitecustomize", "usercustomize"]
"""Modules in the folder where root runs its commands."""
STRANGER = 61235
"""The number of another local user; no entry in passwd(5) is needed to be it."""


NOTED = 'os.path.join(sys.prefix, *[".."] * 5, "noted")'
"""Where hostile requirements note that they are executed: beside mooring_root, from <it>/instances/greeter/venvs/<id>."""


@contextlib.contextmanager
def process_of(uid: int, *words: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process of that user, with these words behind the interpreter's own."""
    code = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [shutil.which("python3", path=os.defpath) or sys.executable, "-I", "-c", code, *words],
        user=uid,
        group=uid,
        extra_groups=[],
        env=environment,
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"  # before its exec it has another command line
        try:
            yield process
        finally:
            process.kill()


def lookalike_of_supervisord(conf: Path, uid: int = STRANGER) -> Any:
    """Start a process whose command line is that of the supervisord of this configuration."""
    return process_of(uid, "/srv/venv/bin/supervisord", "-c", str(conf))


@dataclass
class Host:
    """The deployment, and what an attacker sees of it."""

    site: Site
    lookalike: subprocess.Popen[bytes]
    """A stranger's process, from before the first deploy, with the command line of its supervisord."""

    @property
    def processes(self) -> list[str]:
        """The names of all that supervisord runs."""
        live = self.site.live()["colour"]
        return ["greeter-bootstrap", "greeter-teller", f"greeter-{live}:0", f"greeter-{live}:1"]

    @property
    def conf(self) -> Path:
        return self.site.root / "supervisor/supervisord.conf"

    @property
    def pidfile(self) -> Path:
        return self.site.root / "supervisor/run/supervisord.pid"

    @property
    def user(self) -> pwd.struct_passwd:
        """The service user."""
        return pwd.getpwuid((self.site.home / "run").stat().st_uid)

    def noted(self) -> list[str]:
        """Tell what hostile requirements have noted: a module's name, the user's number, the command."""
        return (self.site.root.parent / "noted").read_text().splitlines()

    def starts(self) -> list[dict[str, Any]]:
        """Tell each start of the release's Python, in the words of the hostile dependency."""
        files = [self.site.home / "starts.jsonl", self.site.home / "data/starts.jsonl"]
        return [json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()]


def plant(folder: Path) -> None:
    """Make a folder of another user's, with modules that note that they were executed."""
    folder.mkdir()
    note = (
        "import os, sys\n"
        f"with open({str(folder.parent / 'executed')!r}, 'a') as file:\n"
        "    file.write(f'{__name__} as {os.geteuid()}: {sys.orig_argv}\\n')\n"
    )
    for name in PLANTED:
        (folder / f"{name}.py").write_text(note)


def run_in(words: Sequence[str | Path], planted: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in the planted folder, with an environment that names it wherever Python looks."""
    environment = {"PYTHONPATH": str(planted), "PYTHONSTARTUP": str(planted / "json.py"), "PYTHONINSPECT": ""}
    return subprocess.run(
        words,
        cwd=planted,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def add_key() -> None:
    """Add a key to a session keyring of this process's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = {"x86_64": (250, 248), "aarch64": (219, 217)}[platform.machine()]  # keyctl(2), add_key(2)
    assert libc.syscall(number[0], 1, None) > 0, os.strerror(ctypes.get_errno())  # a new session keyring
    added = libc.syscall(number[1], b"user", KEY.encode(), b"secret", 6, -3)  # into it
    assert added > 0, os.strerror(ctypes.get_errno())


def forge_names(site: Site) -> None:
    """Make files as the service user may, whose names would be lines of their own in a list of what is there."""
    run = site.root / "supervisor/run"
    for name in ("x\nforged", "x\n.forged\ny"):
        (run / name).touch()
        os.chown(run / name, run.stat().st_uid, run.stat().st_gid)
