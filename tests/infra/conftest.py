"""What is expected of the host stands in --expect (JSON), from the same variables that deployed.

    pytest tests/infra --hosts=local://                         the deployment of `make deploy`
    pytest tests/infra --hosts=ssh://api1 --expect='{"root": "/var/lib/mooring", "port": 9001, …}'

With nothing given, the live release of the default folder says what to expect.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Expected:
    """What the inventory has asked for."""

    name: str
    root: str
    port: int
    framework: str
    workers: int
    path: str = "/api/multicloud/v0/vim_types"

    @property
    def home(self) -> str:
        return f"{self.root}/instances/{self.name}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--expect", default="", help="JSON: name, root, port, framework, workers")


@pytest.fixture(scope="session")
def expected(request: pytest.FixtureRequest) -> Expected:
    given = request.config.getoption("--expect")
    values: dict[str, Any] = json.loads(given) if given else local_deployment()
    return Expected(**{**values, "port": int(values["port"]), "workers": int(values["workers"])})


def local_deployment() -> dict[str, Any]:
    """Read what `make deploy` has deployed on this machine, for this user."""
    default = "/var/lib/mooring" if os.geteuid() == 0 else str(Path.home() / ".local/share/mooring")
    root = os.environ.get("MOORING_ROOT", default)
    home = Path(root, "instances/multicloud")
    live = json.loads((home / "live.json").read_text())
    release = json.loads((home / "releases" / live["release"] / "release.json").read_text())
    return {
        "name": "multicloud",
        "root": root,
        "port": release["url"].rpartition(":")[2],
        "framework": release["framework"],
        "workers": release["workers"],
    }
