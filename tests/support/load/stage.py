"""The counting site, deployed by the playbooks as users run them, and the load on it."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mooring.host.gate import Expected, gate
from mooring.host.instance import Root
from mooring.host.server import Server
from prove.operations import Act, Played
from prove.state import State, look, request, result
from support.load.generator import Generator
from support.places import REPOSITORY
from support.ports import free_port
from support.site import Site

NAME = "counting"
RATE = 250
"""Requests/s, due by the clock: so much that each moment of an operation is seen, and Ansible still has a core."""


@dataclass
class Stage(Site):
    """An instance with its load; `knobs` are what the operator's inventory says."""

    generator: Generator = field(init=False)
    neighbours: list[Stage] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.knobs["api_name"])

    @property
    def home(self) -> Path:
        return self.root / "instances" / self.name

    @property
    def counted(self) -> Path:
        """The file in which the application counts."""
        return Path(self.knobs["app_environment"]["LOAD_COUNT_FILE"])

    @property
    def source(self) -> Path:
        return self.root.parent / "source"

    @property
    def server_log(self) -> Path:
        return self.root / "supervisor/log/supervisord.log"

    @property
    def stream_end(self) -> Path:
        """The file whose being there ends the downloads of /stream."""
        return Path(f"{self.counted}.end")

    def change(self, act: Act, **knobs: Any) -> None:
        """Change the inventory for good, by an operation that deploys it."""
        self.knobs.update(knobs)
        act(self)

    # --- an operator, as the operations have one: prove.operations.Operator

    @property
    def instance(self) -> str:
        return self.name

    def play(self, playbook: str, **changes: Any) -> Played:
        """Run a playbook, with knobs for this run alone."""
        done = self.run(f"playbooks/{playbook}.yml", **changes)
        return Played(done.returncode, done.stdout)

    def supervisorctl(self, *words: str) -> str:
        """Run supervisorctl of this root."""
        return self.control(*words)

    def look(self) -> State:
        """Return what runs, and what is live."""
        return look(self._call)

    def _call(self, name: str) -> dict[str, Any]:
        words, stdin = request(name, self.home)
        done = subprocess.run(words, input=stdin, text=True, capture_output=True, check=False, timeout=60)
        return result(done.stdout or done.stderr)

    # --- what is there

    def manifest(self) -> dict[str, Any]:
        """Return what is in the live release."""
        path = self.home / "releases" / self.live()["release"] / "release.json"
        return dict(json.loads(path.read_text()))

    def workers(self) -> dict[str, int]:
        """Map each running worker to its pid."""
        group = f"{self.name}-{self.live()['colour']}:"
        return {name: pid for name, pid in self.pids().items() if name.startswith(group)}

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection to the port, not open yet."""
        host = "::1" if ":" in self.knobs["bind"] else "127.0.0.1"
        if "MOORING_TLS_CERT" not in self.knobs.get("worker_settings", {}):
            return http.client.HTTPConnection(host, self.port, timeout=60)
        anyone = ssl._create_unverified_context()  # noqa: S323 - our own, of a throw-away authority
        return http.client.HTTPSConnection(host, self.port, timeout=60, context=anyone)

    def get(self, path: str) -> str:
        """Ask through the port; the body of an answer with status 200."""
        with contextlib.closing(self.connection()) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            assert response.status == 200, f"{path}: {response.status} {body}"
            return body

    def new_code(self, version: str) -> None:
        """Write another version of the site's code."""
        path = self.source / "counting/version.py"
        path.write_text(f'"""The version of the code that is deployed."""\n\nVERSION = "{version}"\n')

    def gate(self) -> None:
        """Wait until every worker of the live release is ready."""
        live, mine = self.live(), Root(self.root).instance(self.name)
        expected = Expected(mine.group(live["colour"]), live["release"], int(self.manifest()["workers"]))
        gate(Server.of(mine), mine.run_dir, expected, 60, lambda _: None)

    def tell(self, skip: int = 0) -> str:
        """Tell of the failures, but for the first `skip`: what, when, held by whom, and what the logs say."""
        return self.generator.tell(self.server_log, self.home / "log", skip)

    @contextmanager
    def under_load(self, name: str) -> Iterator[None]:
        """Mark an operation, and fail if a request has failed by its end."""
        self.generator.know(self.pids(), f"before {name}")
        failed = self.generator.state()["failed"]
        with self.generator.marked(name):
            yield
        self.generator.know(self.pids(), f"after {name}")
        state = self.generator.state()
        if state["failed"] > failed:
            self.until(lambda: len(self.generator.failures()) > failed, 10)
            told = self.tell(failed)
            raise AssertionError(f"{state['failed'] - failed} requests have failed:\n{told}")

    def put_load(self, url: str, *options: str) -> None:
        """Put load on it, counted, with `options` of the generator."""
        out = self.root.parent / f"out-{self.name}"
        counting = ("--counting", "--count-file", str(self.counted))
        self.generator = Generator(out, url, *counting, *options)

    def remove(self) -> None:
        """End the load, and remove the instance."""
        if hasattr(self, "generator"):
            self.generator.end()
        removed = self.run("playbooks/remove.yml")
        assert removed.returncode == 0, removed.stdout

    def beside(self, name: str, **knobs: Any) -> Stage:
        """Return another instance for the same supervisord, not deployed yet, with some other knobs."""
        environment = {"LOAD_COUNT_FILE": str(_count_file(self.root.parent, name))}
        own = {"api_name": name, "app_environment": environment}
        return Stage(root=self.root, port=free_port(), knobs={**self.knobs, **own, **knobs})


@contextmanager
def staged(*options: str, files: Mapping[str, str] | None = None, **knobs: Any) -> Iterator[Stage]:
    """Deploy the counting site, with more `files` in its source, under load (`options` of the generator); removed at the end."""
    # Not tmp_path: a folder of root's own (mode 0700) would hide the deployment from its service user.
    folder = Path(tempfile.mkdtemp(prefix="mooring-load-"))
    folder.chmod(0o755)
    stage = Stage(root=folder / "site", port=free_port())
    shutil.copytree(Path(__file__).parents[1] / "sites/counting", stage.source)
    (stage.source / "mooring_load").mkdir()
    for name in ("__init__.py", "app.py"):
        shutil.copy(REPOSITORY / "tools/mooring_load" / name, stage.source / "mooring_load")
    for name, text in (files or {}).items():
        (stage.source / name).write_text(text)
    stage.knobs = {
        "api_name": NAME,
        "bind": "127.0.0.1",
        "workers": 2,
        "web_framework": "django",
        "app_source": [str(stage.source)],
        "wsgi_apps": {
            "django": "counting.django_entry:application",
            "pecan": "counting.pecan_entry:make_app()",
        },
        "smoke_path": "/",
        "app_environment": {"LOAD_COUNT_FILE": str(_count_file(folder, NAME))},
        "drain_timeout": 60,  # for the long exchanges; a drain ends when there is nothing left to finish
        "supervisorctl_conf": "",
        "companions": {},
        **knobs,
    }
    try:
        stage.deploy()
        stage.put_load(f"http://127.0.0.1:{stage.port}", *options)
        yield stage
    finally:
        try:
            for each in (*stage.neighbours, stage):
                each.remove()
        finally:
            stage.end()
            shutil.rmtree(folder, ignore_errors=True)


def all_replaced(before: dict[str, int], after: dict[str, int]) -> None:
    """Check that there are the same processes, each with another pid."""
    assert after.keys() == before.keys()
    assert not before.items() & after.items()


def _count_file(folder: Path, name: str) -> Path:
    path = folder / f"counted-{name}"
    path.touch()
    path.chmod(0o666)  # the service user writes it
    return path
