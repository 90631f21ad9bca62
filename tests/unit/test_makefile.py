"""The Makefile's own rules, with a stand-in for the tool that a task starts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def ansible_home(clone: Path, task: str) -> str:
    """Return where `make <task>` has molecule keep its files."""
    (clone / ".venv/bin").mkdir(parents=True)
    (clone / "requirements").mkdir()
    (clone / "requirements/controller.txt").touch()
    (clone / ".venv/.installed").touch()
    shutil.copy(REPOSITORY / "Makefile", clone)
    molecule = clone / ".venv/bin/molecule"
    molecule.write_text('#!/bin/sh\necho "$ANSIBLE_HOME"\n')
    molecule.chmod(0o755)
    done = subprocess.run(["make", "-s", "-C", clone, task], capture_output=True, text=True, check=True)
    said = set(done.stdout.split())
    assert len(said) == 1
    return said.pop()


@pytest.mark.parametrize("task", ["molecule", "test-host"])
def test_two_clones_of_one_name_share_no_molecule_folder(tmp_path: Path, task: str) -> None:
    one, other = tmp_path / "one/mooring", tmp_path / "other/mooring"
    assert ansible_home(one, task) != ansible_home(other, task)
