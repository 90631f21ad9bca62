"""A real deployment of a small site to this machine, by the playbooks as users run them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.places import REPOSITORY
from support.ports import free_port

SITE = Path(__file__).parent / "sites/greeter"


GREETER: dict[str, Any] = {
    "api_name": "greeter",
    "bind": "127.0.0.1",
    "workers": 2,
    "app_source": [str(SITE)],
    "app_requirements": str(SITE / "requirements.txt"),
    "wsgi_apps": {"django": "greeter:application", "pecan": "greeter:make_app()"},
    "smoke_path": "/",
    "gate_timeout": 60,
    "supervisorctl_conf": "",
    "companions": {},
    "app_environment": {},
}
"""The settings of an instance of it."""


@dataclass
class Site:
    """One mooring_root of the test's own, with an instance called `greeter`."""

    root: Path
    port: int
    knobs: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = REPOSITORY
    """Where the operator is."""
    first: str = ""
    """What an operator saw of the first deploy."""

    @property
    def home(self) -> Path:
        return self.root / "instances/greeter"

    def start(self, playbook: str, *arguments: str, **knobs: Any) -> subprocess.Popen[str]:
        """Start a playbook as a user does, with knobs for this run alone."""
        values = {**self.knobs, "mooring_root": str(self.root), "api_port": self.port, **knobs}
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            str(REPOSITORY / playbook),
            *arguments,
        ]
        if not knobs.pop("alone", False):  # "alone": the inventory on the command line says all
            # A file, as users keep secrets: Ansible's -vvv shows the command line.
            # One for each instance, as two may be deployed at once.
            said = self.root.parent / f"{values.get('api_name', 'knobs')}.json"
            said.write_text(json.dumps(values))
            command += ["-e", f"@{said}"]
        environment = {
            **os.environ,
            **self.environment,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
        }
        # Most tests look for what Ansible's own output has; an operator's is test_output.py's.
        environment.setdefault("ANSIBLE_STDOUT_CALLBACK", "default")
        environment["COLUMNS"] = "1000"  # errors are compared by their words: no line is to be folded
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, playbook: str, *arguments: str, **knobs: Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook to its end."""
        process = self.start(playbook, *arguments, **knobs)
        try:
            output, _ = process.communicate(timeout=900)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return subprocess.CompletedProcess(process.args, process.returncode, output, "")

    def deploy(self, **knobs: Any) -> str:
        """Deploy; the output of a deploy that succeeded."""
        done = self.run("deploy.yml", **knobs)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def refused(self, playbook: str = "deploy.yml", **knobs: Any) -> str:
        """Deploy; the output of a deploy that failed, its folded lines joined."""
        done = self.run(playbook, **knobs)
        assert done.returncode == 2, done.stdout
        return " ".join(done.stdout.split())

    def ask(self, path: str = "/") -> tuple[int, str]:
        """Send one request through the port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def live(self) -> dict[str, str]:
        return dict(json.loads((self.home / "live.json").read_text()))

    def control(self, *words: str) -> str:
        """Run supervisorctl of this root."""
        home = self.root / "supervisor"
        command = [home / "venv/bin/supervisorctl", "-c", home / "supervisord.conf", *words]
        return subprocess.run(command, text=True, capture_output=True, check=False, timeout=60).stdout

    def pids(self) -> dict[str, int]:
        """Map each process that supervisord runs to its pid."""
        rows = [line.split() for line in self.control("status").splitlines()]
        return {row[0]: int(row[3].rstrip(",")) for row in rows if row[1] == "RUNNING"}

    def end(self) -> None:
        """End the supervisord that a failed deploy or removal may have left; its children end with it."""
        try:
            pid = int((self.root / "supervisor/run/supervisord.pid").read_text())
            ours = str(self.root) in Path(f"/proc/{pid}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return
        if ours:
            os.kill(pid, signal.SIGTERM)
            with contextlib.suppress(AssertionError):
                self.until(lambda: not Path(f"/proc/{pid}").exists())
                return
            os.kill(pid, signal.SIGKILL)

    def until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait for a condition; its value."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(0.05)
        return value


def play(playbook: Path, *arguments: str | Path, timeout: float = 300, **environment: str) -> None:
    """Run a small playbook of the test's own; it must succeed."""
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", playbook, *arguments],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def recaps(output: str) -> dict[str, dict[str, int]]:
    """Read the counts of a run's recap, by host."""
    rows = output.split("PLAY RECAP")[1].splitlines()[1:]
    found = {}
    for host, _, counts in (row.partition(":") for row in rows if "ok=" in row):
        words = (word.split("=") for word in counts.split())
        found[host.strip()] = {name: int(count) for name, count in words}
    return found


def recap(output: str) -> dict[str, int]:
    """Read the counts of a run on this machine alone."""
    return recaps(output)["localhost"]


@contextlib.contextmanager
def greeter(**knobs: Any) -> Iterator[Site]:
    """Make a folder and an inventory for the greeter, with some knobs more; whatever is left at the end is removed."""
    # Not tmp_path: a folder of root's own (mode 0700) would hide the deployment from its service user.
    folder = Path(tempfile.mkdtemp(prefix="mooring-test-"))
    folder.chmod(0o755)
    # A supervisor that nobody may import: whoever finds it obeys the PYTHONPATH of who deploys.
    trap = folder / "trap/supervisor"
    trap.mkdir(parents=True)
    (trap / "__init__.py").write_text("raise RuntimeError('PYTHONPATH was obeyed')\n")
    one = Site(
        root=folder / "site",
        port=free_port(),
        knobs={**GREETER, **knobs},
        # What a deployer's shell may have, and nothing that is deployed may obey.
        environment={
            "PIP_USER": "1",
            "PIP_REQUIRE_VIRTUALENV": "1",
            "PYTHONPATH": str(trap.parent),
            "PYTHONUSERBASE": str(folder / "userbase"),
        },
    )
    try:
        yield one
    finally:
        one.end()
        shutil.rmtree(folder, ignore_errors=True)
