"""An instance as the role `instance` deploys it, step by step, so that a test can end a run after any of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.instance import Instance
from support.supervisord import Supervisord
from support.visitors import ask
from support.waiting import until

STEPS = ["plan", "bootstrap", "put", "start", "gate", "name", "reconcile"]
"""The steps of a deploy, as roles/instance/tasks takes them."""


class Refused(Exception):  # noqa: N818
    """A deploy was refused; the text is what the user reads."""


class Deployed(Instance):
    """An instance with releases to deploy; its folder is supervisord's own."""

    def __init__(self, server: Supervisord, workers: int = 1) -> None:
        super().__init__(server)
        self.workers = workers

    @property
    def home(self) -> Path:
        return self.server.folder

    @property
    def live_json(self) -> Path:
        return self.home / "live.json"

    def release_folder(self, release: str) -> Path:
        return self.home / "releases" / release

    def program_file(self, part: str) -> Path:
        return self.home / "conf.d" / f"{self.name}-{part}.conf"

    def build(self, release: str, **settings: object) -> None:
        """Make a release's folder, as the role `release` does; release.json comes last."""
        folder = self.release_folder(release)
        (folder / "companions").mkdir(parents=True, exist_ok=True)
        kept = {path: path.read_bytes() for path in (self.home / "conf.d").glob("*.conf")}
        self.bootstrap(release=release)
        for colour in ("blue", "green"):
            self.colour(colour, self.workers, release=release, **settings)
        for part in ("bootstrap", "blue", "green"):
            self.program_file(part).rename(folder / f"{part}.conf")
        for path, content in kept.items():
            path.write_bytes(content)
        manifest = {"instance": self.name, "workers": self.workers, "release": release}
        (folder / "release.json").write_text(json.dumps(manifest))

    def words(self, command: str, *more: str) -> list[str]:
        """Return a command of `mooring.host` on this instance."""
        own = ["--instance", self.name, "--home", str(self.home), "--conf-dir", str(self.home / "conf.d")]
        return [command, *own, *more]

    def do(self, command: str, *more: str, status: int = 0) -> Any:
        """Run it: its JSON, or with another status what it says on stderr."""
        said = self.control(*self.words(command, *more), status=status)
        return said.stderr if status else json.loads(said.stdout)

    def start(self, command: str, *more: str) -> subprocess.Popen[str]:
        """Start it as a process of its own, which a test may kill."""
        options = ["--json", "--server", self.server.url, "--run-dir", str(self.run_dir)]
        return subprocess.Popen(
            [sys.executable, "-m", "mooring.host.control", *options, *self.words(command, *more)],
            env=self.server.environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def steps(self, release: str) -> Iterator[str]:
        """Deploy a release; yields the name of each step when it is done. AssertionError when one fails."""
        plan = self.do("plan", "--release", release, "--repair")
        yield "plan"
        if plan["switch"]:
            idle = plan["idle"]
            try:
                if not plan["live"]["release"]:
                    self.do("put", "--release", release, "bootstrap")
                    self.control("update", "--fresh", "api-bootstrap")
                    self.control("wait-process", "api-bootstrap")
                yield "bootstrap"
                self.do("put", "--release", release, idle)
                yield "put"
                marks = self.control_json("update", "--fresh", f"api-{idle}")["marks"]
                yield "start"
                self.gate(idle, "--marks", json.dumps(marks), release=release, workers=self.workers)
                yield "gate"
                self.do("name-live", "--release", release, "--colour", idle)
            except AssertionError as error:
                raise Refused(f"{error}\n{self.do('take-back', '--colour', idle)}") from error
            yield "name"
        self.do("reconcile", "--release", release)
        yield "reconcile"

    def deploy(self, release: str, last: str = "reconcile") -> None:
        """Deploy a release, to that step alone."""
        for step in self.steps(release):
            if step == last:
                return
        raise AssertionError(f"a deploy has no step {last}")

    def live(self) -> dict[str, str]:
        return dict(json.loads(self.live_json.read_text()))

    def serving(self) -> str:
        return str(self.do("serving")["serving"])

    def states(self) -> dict[str, str]:
        """Map each process to supervisord's state of it."""
        infos = self.server.rpc.supervisor.getAllProcessInfo()
        return {f"{info['group']}:{info['name']}": info["statename"] for info in infos}

    def assert_serves(self, release: str) -> None:
        """Check that this release alone is there and all of it runs, that files and processes agree, and verify passes."""
        live = self.live()
        assert live["release"] == release
        own = {f"api-{live['colour']}:{n}" for n in range(self.workers)}
        assert self.states() == dict.fromkeys(own | {"api-bootstrap:api-bootstrap"}, "RUNNING")
        names = {path.name for path in (self.home / "conf.d").iterdir()}
        assert names == {"api-bootstrap.conf", f"api-{live['colour']}.conf"}
        assert self.do("verify")["live"] == {"colour": live["colour"], "release": release}
        assert f"What serves now: release {release} ({live['colour']})" in self.serving()

    def answers(self) -> bool:
        return ask(("127.0.0.1", self.port)).isdecimal()

    def await_states(self, group: str, state: str) -> None:
        until(
            lambda: [s for name, s in self.states().items() if name.startswith(f"{group}:") and s == state],
            f"{group} is {state}",
        )
