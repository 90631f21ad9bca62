"""The playbooks find their roles wherever they are called from, without the clone's ansible.cfg."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.places import REPOSITORY

PLAYBOOKS = [
    "deploy.yml",
    *sorted(f"playbooks/{path.name}" for path in (REPOSITORY / "playbooks").glob("*.yml")),
]


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Have Ansible read playbooks, with their roles, from that folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "--syntax-check", *words],
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )


def test_from_another_folder() -> None:
    done = check(
        Path("/"), "-i", str(REPOSITORY / "inventory/local"), *(str(REPOSITORY / name) for name in PLAYBOOKS)
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_in_a_clone_that_everybody_may_write_to(tmp_path: Path, mode: int) -> None:
    """Ansible ignores the ansible.cfg of such a folder, and says so."""
    clone = tmp_path / "a clone"
    clone.mkdir()
    for name in ("collections", "playbooks", "plugins", "roles", "inventory"):
        shutil.copytree(REPOSITORY / name, clone / name, symlinks=True)
    for name in ("deploy.yml", "ansible.cfg"):
        shutil.copy(REPOSITORY / name, clone)
    clone.chmod(mode)
    done = check(clone, "-i", "inventory/local", *PLAYBOOKS)
    assert done.returncode == 0, done.stderr
    assert ("world writable" in done.stderr) == (mode == 0o777)
