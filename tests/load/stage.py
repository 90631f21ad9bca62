"""The counting site, deployed by the playbooks as users run them, and the load on it."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.deploy.conftest import REPOSITORY, Site, free_port
from tests.load.generator import Generator

NAME = "counting"
RATE = 250
"""Requests/s, due by the clock: so much that each moment of an operation is seen, and Ansible still has a core."""


@dataclass
class Stage(Site):
    """A mooring_root of its own with the instance `counting`; `knobs` are what the operator's inventory says."""

    generator: Generator = field(init=False)

    @property
    def home(self) -> Path:
        return self.root / "instances" / NAME

    @property
    def source(self) -> Path:
        return self.root.parent / "source"

    @property
    def server_log(self) -> Path:
        return self.root / "supervisor/log/supervisord.log"

    def change(self, **knobs: Any) -> str:
        """Change the inventory for good, and deploy."""
        self.knobs.update(knobs)
        return self.deploy()

    def manifest(self) -> dict[str, Any]:
        """Return what is in the live release."""
        path = self.home / "releases" / self.live()["release"] / "release.json"
        return dict(json.loads(path.read_text()))

    def workers(self) -> dict[str, int]:
        """Map each running worker to its pid."""
        return {name: pid for name, pid in self.pids().items() if not name.endswith("bootstrap")}

    def get(self, path: str) -> str:
        """Ask through the port; the body of an answer with status 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
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
        live, home = self.live(), self.root / "supervisor"
        words = ["--server", f"unix://{home}/run/supervisor.sock", "--run-dir", str(self.home / "run")]
        words += ["gate", "--instance", NAME, "--colour", live["colour"], "--release", live["release"]]
        words += ["--workers", str(self.manifest()["workers"]), "--timeout", "60"]
        done = subprocess.run(
            [home / "venv/bin/python", "-m", "mooring.control", *words],
            text=True,
            capture_output=True,
            check=False,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr

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


@contextmanager
def staged(*options: str, **knobs: Any) -> Iterator[Stage]:
    """Deploy the counting site and put load on it (`options` of the generator); removed at the end."""
    # Not tmp_path: a folder of root's own (mode 0700) would hide the deployment from its service user.
    folder = Path(tempfile.mkdtemp(prefix="mooring-load-"))
    folder.chmod(0o755)
    counted = folder / "counted"
    counted.touch()
    counted.chmod(0o666)  # the service user writes it
    stage = Stage(root=folder / "site", port=free_port())
    shutil.copytree(Path(__file__).parent / "site", stage.source)
    (stage.source / "mooring_load").mkdir()
    for name in ("__init__.py", "app.py"):
        shutil.copy(REPOSITORY / "tools/mooring_load" / name, stage.source / "mooring_load")
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
        "app_environment": {"LOAD_COUNT_FILE": str(counted)},
        "drain_timeout": 15,
        "supervisorctl_conf": "",
        "companions": {},
        **knobs,
    }
    try:
        stage.deploy()
        stage.generator = Generator(folder / "out", f"http://127.0.0.1:{stage.port}", counted, *options)
        try:
            yield stage
        finally:
            stage.generator.end()
    finally:
        removed = stage.run("playbooks/remove.yml")
        assert removed.returncode == 0, removed.stdout
        shutil.rmtree(folder, ignore_errors=True)
