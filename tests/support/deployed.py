"""An instance that is deployed as `mooring.host.switch` does it, step by step: a test can end a switch after any of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mooring.host import reconcile, restart, status, survey, switch, verify
from mooring.host.errors import HostError
from mooring.host.place import put
from support.instance import TIMEOUTS, Instance
from support.supervisord import Supervisord
from support.visitors import ask
from support.waiting import until

STEPS = ["plan", "bootstrap", "put", "start", "gate", "name", "reconcile"]
"""The steps of a switch, in the order of `mooring.host.switch.switch`."""


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

    def plan(self, release: str = "", *, repair: bool = False) -> dict[str, Any]:
        """Tell what is live and what a release needs. HostError, as all that follows."""
        return switch.plan(self.host, release, TIMEOUTS.gate, repairs=repair)

    def name_live(self, release: str, colour: str) -> None:
        """Name the generation of that colour live."""
        switch.name(self.host, release, colour, [])

    def take_back(self, colour: str) -> dict[str, Any]:
        """Remove a generation that was refused."""
        return switch.take_back(self.host, colour, TIMEOUTS.drain, print)

    def reconcile(self, release: str = "") -> dict[str, Any]:
        """Bring the processes to what is live."""
        return reconcile.reconcile(self.host, release, TIMEOUTS, print)

    def restart(self) -> list[dict[str, object]]:
        """Restart the workers one after the other."""
        return restart.restart(self.host, TIMEOUTS, print)

    def verify(self) -> dict[str, Any]:
        """Check that what is live is what it should be."""
        return verify.verify(self.host, TIMEOUTS.gate, print)

    def status(self) -> dict[str, Any]:
        """Tell the state."""
        return status.whole_status(self.host)

    def serving(self) -> str:
        """Say what serves."""
        return survey.serving(self.host)

    def steps(self, release: str) -> Iterator[str]:
        """Deploy a release; yields the name of each step when it is done. Refused when one fails."""
        plan = self.plan(release, repair=True)
        yield "plan"
        if plan["switch"]:
            idle = plan["idle"]
            try:
                if not plan["live"]["release"]:
                    switch.start_bootstrap(self.host, release, TIMEOUTS, print)
                yield "bootstrap"
                put(self.release_folder(release) / f"{idle}.conf", self.program_file(idle))
                yield "put"
                marks = switch.start_generation(self.host, release, idle, TIMEOUTS, print)
                yield "start"
                self.gate(idle, marks=marks, release=release, workers=self.workers)
                yield "gate"
                self.name_live(release, idle)
            except HostError as error:
                raise Refused(f"{error}\n{self.take_back(idle)}") from error
            yield "name"
        self.reconcile(release)
        yield "reconcile"

    def deploy(self, release: str, last: str = "reconcile") -> None:
        """Deploy a release, to that step alone."""
        for step in self.steps(release):
            if step == last:
                return
        raise AssertionError(f"a deploy has no step {last}")

    def live(self) -> dict[str, str]:
        return dict(json.loads(self.live_json.read_text()))

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
        assert self.verify()["live"] == {"colour": live["colour"], "release": release}
        assert f"What serves now: release {release} ({live['colour']})" in self.serving()

    def answers(self) -> bool:
        return ask(("127.0.0.1", self.port)).isdecimal()

    def await_states(self, group: str, state: str) -> None:
        until(
            lambda: [s for name, s in self.states().items() if name.startswith(f"{group}:") and s == state],
            f"{group} is {state}",
        )
