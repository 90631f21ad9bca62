"""An instance in a `mooring_root` as a deploy leaves it, without Ansible: what `mooringctl` works on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

from mooring.host import integrity
from support.deployed import Deployed
from support.supervisord import Supervisord


class Done(NamedTuple):
    """How a command has ended."""

    status: int
    stdout: str
    stderr: str


class Hosted(Deployed):
    """An instance `api` of the root `<folder>/root`; its folder and supervisord's files are the test's own, by links."""

    def __init__(self, server: Supervisord, workers: int = 1) -> None:
        super().__init__(server, workers)
        self.root = server.folder / "root"
        self.add(self.name)
        supervisor = self.root / "supervisor"
        (supervisor / "run").mkdir(parents=True)
        for name in ("conf.d", "supervisord.conf"):
            (supervisor / name).symlink_to(server.folder / name)
        server.control = supervisor / "run/supervisor.sock"
        server.configure()
        venv = server.folder / "venvs/v1"
        (venv / "bin").mkdir(parents=True)
        (venv / "bin/python").symlink_to(os.path.realpath(sys.executable))
        (venv / "pyvenv.cfg").write_text(f"version = {sys.version_info.major}.{sys.version_info.minor}.0\n")
        integrity.seal(venv)

    def add(self, name: str) -> None:
        """Have an instance of that name stand in the root: all have the same folder."""
        (self.root / "instances").mkdir(parents=True, exist_ok=True)
        (self.root / "instances" / name).symlink_to(self.server.folder)

    def build(self, release: str, **settings: object) -> None:
        """Make a release that is complete: with a virtualenv, and sealed."""
        super().build(release, **settings)
        folder = self.release_folder(release)
        (folder / "venv").symlink_to("../../venvs/v1")
        address = f"http://127.0.0.1:{self.port}"
        manifest = json.loads((folder / "release.json").read_text())
        manifest |= {"framework": "wsgi", "url": address, "verify_url": address}
        manifest |= {"smoke_path": "/", "smoke_status": 200}
        (folder / "release.json").write_text(json.dumps(manifest, indent=1) + "\n")
        integrity.seal(folder)

    def words(self, *words: str) -> list[str]:
        """Return a command of `mooringctl`."""
        return [sys.executable, "-m", "mooring.host.cli", *words]

    def popen(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start `mooringctl` on this root; its standard input is no terminal."""
        return subprocess.Popen(
            self.words(*words, "--root", str(self.root)),
            env=self.server.environ,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def ctl(self, *words: str, status: int = 0) -> Done:
        """Run `mooringctl` on this root; its exit status must be the one that is given."""
        process = self.popen(*words)
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == status, f"{words}: {stdout}{stderr}\n{self.server.output()}"
        return Done(process.returncode, stdout, stderr)

    def ask(self, *words: str, status: int = 0) -> Any:
        """Run it with `--json`; what it prints."""
        return json.loads(self.ctl(*words, "--json", status=status).stdout)

    def files(self) -> dict[str, bytes]:
        """Read all files that a command may change: those of releases, of conf.d, live.json."""
        paths = [self.live_json, *(self.home / "conf.d").iterdir(), *(self.home / "releases").rglob("*")]
        return {str(path): path.read_bytes() for path in paths if path.is_file()}
