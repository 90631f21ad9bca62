"""A whole instance by hand: real workers and bootstrap under a real supervisord, without Ansible."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mooring.host import gate, update
from mooring.host.errors import HostError
from mooring.host.instance import Instance as HostInstance
from mooring.host.lastwords import Marks
from mooring.host.server import Process, Server
from support.ports import free_port
from support.supervisord import Supervisord

APPLICATIONS = Path(__file__).parent / "apps/applications.py"
TIMEOUTS = gate.Timeouts(gate=60, drain=600)


@dataclass
class Instance:
    """Writes the program files of an instance and has the functions of `mooring.host` work on it, in this process."""

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

    @property
    def host(self) -> HostInstance:
        """What the functions of `mooring.host` work on."""
        folder = self.server.folder
        return HostInstance(self.name, folder, folder / "conf.d", self.server.control)

    def update(self, *groups: str, fresh: bool = False) -> dict[str, Any]:
        """Have supervisord take over the program files of these groups. HostError, as all that follows."""
        return update.update(Server.of(self.host), list(groups), TIMEOUTS.drain, print, fresh=fresh)

    def gate(
        self,
        colour: str,
        *,
        release: str = "r1",
        workers: int = 2,
        timeout: float = TIMEOUTS.gate,
        marks: Marks | None = None,
    ) -> list[str]:
        """Wait at the gate; what is told meanwhile."""
        told: list[str] = []
        expected = gate.Expected(self.host.group(colour), release, workers, marks=marks)
        gate.gate(Server.of(self.host), self.run_dir, expected, timeout, told.append)
        return told

    def wait_process(self, name: str, timeout: float = TIMEOUTS.gate) -> Process:
        """Wait until that process is ready."""
        return gate.wait_process(Server.of(self.host), self.run_dir, name, timeout, print)


def refusal(call: Callable[..., object], *arguments: object, **named: object) -> str:
    """Make a call, which must be refused; the words of the refusal."""
    with pytest.raises(HostError) as refused:
        call(*arguments, **named)
    return str(refused.value)
