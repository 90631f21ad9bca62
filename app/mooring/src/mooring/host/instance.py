"""One instance on this host: all its names and paths, and those of the supervisord that runs it.

    <root>/supervisor/                 conf.d/<group>.conf, run/supervisor.sock, supervisord.conf, venv
    <root>/instances/<name>/           releases/<id>/, venvs/, run/, log/, data/, live.json, lock

Python 3.8's standard library alone.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from mooring.host import errors

COLOURS = ("blue", "green")
"""The names of the two generations; `mooring.casts` has them too, and a bare host's Python may be too old for that."""
PARTS = ("bootstrap", *COLOURS)
"""What each release has a program file of; its companions have one each as well."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""A release's id, or an instance's name: the name of a folder."""


DATA = "data"
"""The folder of an instance that is the application's: it survives releases, and a removal unless that is to take it."""
OWN_NAMES = ("live.json", "live.json.partial", "lock", "log", "releases", "run", "venvs")
"""What Mooring makes in an instance's folder beside it: one of them is the sign that something is deployed."""


@dataclass(frozen=True)
class Root:
    """A `mooring_root`: the folder of one supervisord and of the instances that it runs."""

    path: Path

    @property
    def mark(self) -> Path:
        """The file that marks the folder as Mooring's."""
        return self.path / ".mooring"

    @property
    def supervisor(self) -> Path:
        """The folder of supervisord."""
        return self.path / "supervisor"

    @property
    def configuration(self) -> Path:
        """The file that supervisord is started with."""
        return self.supervisor / "supervisord.conf"

    @property
    def control(self) -> Path:
        """The socket that supervisord is controlled by."""
        return self.supervisor / "run/supervisor.sock"

    @property
    def python(self) -> Path:
        """The Python of supervisord's virtualenv, which these programs are installed in."""
        return self.supervisor / "venv/bin/python"

    def instance(self, name: str) -> Instance:
        """Return the instance of that name, whether it is there or not. CallError for what cannot be a name."""
        if not NAME.fullmatch(name):
            raise errors.CallError(f"{name!r:.40} cannot be the name of an instance")
        home = self.path / "instances" / name
        return Instance(name, home, self.supervisor / "conf.d", self.control)

    def instances(self) -> list[str]:
        """List the names of the instances that something is deployed of; a folder with an instance's data alone is none."""
        found = sorted((self.path / "instances").glob("*"))
        return [path.name for path in found if any(os.path.lexists(path / sign) for sign in OWN_NAMES)]


@dataclass(frozen=True)
class Instance:
    """An instance: its name, its folder, supervisord's folder of program files, and its control socket."""

    name: str
    home: Path
    conf_dir: Path
    control: Path

    @property
    def run_dir(self) -> Path:
        """The folder of its status sockets."""
        return self.home / "run"

    @property
    def releases(self) -> Path:
        """The folder of its releases."""
        return self.home / "releases"

    @property
    def lock(self) -> Path:
        """The file by which one command at a time changes it."""
        return self.home / "lock"

    @property
    def groups(self) -> re.Pattern[str]:
        """What matches the names of its groups: its name, a dash, and one word without a dash."""
        return re.compile(re.escape(self.name) + "-[a-z][a-z0-9_]*")

    def release(self, release: str) -> Path:
        """Return the folder of a release. HostError for what cannot be one's name: it may be a process's own word."""
        if not NAME.fullmatch(release):
            raise errors.HostError(f"{release!r:.40} cannot be the name of a release")
        return self.releases / release

    def group(self, part: str) -> str:
        """Return the name of the group of a colour, the bootstrap or a companion."""
        return f"{self.name}-{part}"

    def program_file(self, group: str) -> Path:
        """Return the path of a group's program file, where supervisord reads it."""
        return self.conf_dir / f"{group}.conf"
