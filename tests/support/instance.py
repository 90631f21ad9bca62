"""A whole instance by hand: real workers and bootstrap under a real supervisord, without Ansible."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mooring.host import control
from support.ports import free_port
from support.supervisord import Supervisord

APPLICATIONS = Path(__file__).parent / "apps/applications.py"


class Said(NamedTuple):
    """What a command has printed."""

    stdout: str
    stderr: str


@dataclass
class Instance:
    """Writes the program files of an instance and runs `mooring.host` on it."""

    server: Supervisord
    port: int = field(default_factory=free_port)
    name: str = "api"

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def run_dir(self) -> Path:
        return self.server.folder / "run"

    def status_socket(self, who: str) -> Path:
        return self.run_dir / f"{self.name}-{who}.sock"

    def bootstrap(self, **settings: object) -> None:
        """Write the bootstrap's program file; settings are those of the table, in lower case."""
        self._program("bootstrap", "bootstrap", {}, settings, process_name="%(program_name)s", stopwaitsecs=5)

    def colour(self, colour: str, workers: int = 2, **settings: object) -> None:
        """Write a colour's program file."""
        own: dict[str, object] = {"colour": colour, "number": "%(process_num)d"}
        self._program(colour, "worker", own, settings, numprocs=workers)

    def _program(
        self, part: str, module: str, own: dict[str, object], settings: dict[str, object], **options: object
    ) -> None:
        values = {
            "instance": self.name,
            "run_dir": self.run_dir,
            "app": "applications:good",
            "release": "r1",
            "drain_timeout": 5,
            "drain_idle_grace": 0,
            **own,
            **settings,
        }
        pairs = [f'MOORING_{name.upper()}="{value}"' for name, value in values.items()]
        pairs.append(f'PYTHONPATH="{self.server.environ["PYTHONPATH"]}:{APPLICATIONS.parent}"')
        command = f"{sys.executable} -W ignore -m mooring.{module}"
        options = {"startsecs": 0, "autorestart": "true", "environment": ",".join(pairs), **options}
        self.server.program(f"{self.name}-{part}", self.url, command, **options)

    def control(self, *words: str, status: int = 0) -> Said:
        """Run the command line of `mooring.host`; its exit status must be the one that is given.

        In this process, which saves a third of a second each time; test_control.py runs it as a command, too.
        """
        out, err = io.StringIO(), io.StringIO()
        options = ["--json", "--server", self.server.url, "--run-dir", str(self.run_dir)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = control.main([*options, *words])
            except SystemExit as end:  # argparse
                code = int(end.code or 0)
        assert code == status, f"{words}: {out.getvalue()}{err.getvalue()}\n{self.server.output()}"
        return Said(out.getvalue(), err.getvalue())

    def control_json(self, *words: str) -> Any:
        """Run it and return its JSON."""
        return json.loads(self.control(*words).stdout)

    def gate(self, colour: str, *words: str, release: str = "r1", workers: int = 2, status: int = 0) -> str:
        """Run `gate` and return what it says on stderr."""
        gate = ["gate", "--instance", self.name, "--colour", colour, "--release", release]
        return self.control(*gate, "--workers", str(workers), *words, status=status).stderr
