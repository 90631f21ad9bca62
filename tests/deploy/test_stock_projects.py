"""The tutorials, as their pages say: a stock Django and a stock Pecan project deploy unmodified."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.places import REPOSITORY
from support.ports import free_port

REMOVE = "playbooks/remove.yml"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home for both tutorials: the second one finds the first one's supervisord."""
    folder = Path(tempfile.mkdtemp(prefix="mooring-home-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def commands_of(page: str) -> list[str]:
    """Return the blocks of commands of a page, in order."""
    text = (REPOSITORY / "docs" / page).read_text()
    return re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def follow(page: str, home: Path, port: str) -> None:
    """Run the page's commands as a reader does: in the clone, one after the other, with another port and home."""
    blocks = [block.replace(port, str(free)) for free in [free_port()] for block in commands_of(page)]
    *steps, removal = blocks
    assert REMOVE in removal
    environment = {
        **os.environ,
        "HOME": str(home),
        "ANSIBLE_NOCOLOR": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def shell(words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", words],
            cwd=REPOSITORY,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    activate, *steps = steps
    assert activate == "source .venv/bin/activate\n"  # this test's own Python is the virtualenv's
    try:
        for step in steps:
            done = shell(step)
            assert done.returncode == 0, f"{step}\n{done.stdout}"
    finally:
        removed = shell(removal)
    assert removed.returncode == 0, removed.stdout


def test_the_tutorial_of_django_holds(home: Path) -> None:
    follow("tutorial-django.md", home, "9100")
    assert not (home / "mysite/db.sqlite3").exists()
    assert not list((home / "mysite").rglob("*.egg-info"))


def test_the_tutorial_of_pecan_holds(home: Path) -> None:
    follow("tutorial-pecan.md", home, "9200")
