"""Fixtures of the functional tests: real processes only."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.folders import short_folder
from support.places import REPOSITORY
from support.supervisord import Supervisord
from support.worker import Client, Worker

REQUIREMENTS = REPOSITORY / "requirements" / "supervisor-4.2.5.txt"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the test's own, with a short name."""
    with short_folder() as path:
        yield path


@pytest.fixture
def client(one: Worker) -> Iterator[Client]:
    """A connection to the module's own worker, its fixture `one`."""
    with one.client() as connected:
        yield connected


@pytest.fixture(scope="session")
def supervisor_425() -> Path:
    """The Python of a virtualenv with supervisor 4.2.5, made when its requirements change."""
    venv = REPOSITORY / ".cache" / "supervisor-4.2.5"
    venv.parent.mkdir(exist_ok=True)
    with (venv.parent / "supervisor-4.2.5.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done, wanted = venv / "requirements.sha256", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
        if not done.exists() or done.read_text() != wanted:
            subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", venv], check=True)
            pip = [sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "--quiet"]
            pip += ["--disable-pip-version-check", "install", "--no-deps", "--require-hashes"]
            subprocess.run([*pip, "-r", REQUIREMENTS], check=True)
            done.write_text(wanted)
    return venv / "bin" / "python"


@pytest.fixture
def supervisord(folder: Path) -> Iterator[Supervisord]:
    """A supervisord that is configured and not yet started (supervisor as locked for the product)."""
    server = Supervisord(folder)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def module_supervisord() -> Iterator[Supervisord]:
    """The same for all tests of a module: each leaves it as it was."""
    with short_folder() as path:
        server = Supervisord(path)
        yield server
        server.stop()


@pytest.fixture(params=["4.3.0", "4.2.5"])
def each_supervisord(request: pytest.FixtureRequest, folder: Path) -> Iterator[Supervisord]:
    """The same, of each version of supervisor that is supported."""
    python = Path(sys.executable) if request.param == "4.3.0" else request.getfixturevalue("supervisor_425")
    server = Supervisord(folder, python)
    yield server
    server.stop()


@pytest.fixture
def make() -> Iterator[Any]:
    """A maker of workers that are not started, and are ended after the test."""
    made = []

    def maker(*args: Any, **settings: Any) -> Worker:
        made.append(Worker(*args, **settings))
        return made[-1]

    yield maker
    for one in made:
        one.stop()
