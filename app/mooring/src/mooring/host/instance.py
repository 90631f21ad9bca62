"""One instance on this host: where its files are, and the supervisord that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mooring.host.errors import ControlError
from mooring.host.live import NAME
from mooring.host.server import Server


@dataclass(frozen=True)
class Instance:
    """An instance: its name, its folder, supervisord's folder of program files, and supervisord."""

    name: str
    home: Path
    conf_dir: Path
    server: Server

    @property
    def run_dir(self) -> Path:
        """The folder of its status sockets."""
        return self.home / "run"

    def release(self, release: str) -> Path:
        """Return the folder of a release. ControlError for what cannot be one's name: it may be a process's own word."""
        if not NAME.fullmatch(release):
            raise ControlError(f"{release!r:.40} cannot be the name of a release")
        return self.home / "releases" / release

    def group(self, part: str) -> str:
        """Return the name of the group of a colour, the bootstrap or a companion."""
        return f"{self.name}-{part}"

    def program_file(self, group: str) -> Path:
        """Return the path of a group's program file, where supervisord reads it."""
        return self.conf_dir / f"{group}.conf"
