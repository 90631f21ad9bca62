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


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook in that folder, without any configuration of ours."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", *words],
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Have Ansible read playbooks, with their roles, from that folder."""
    return run(folder, "--syntax-check", *words)


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


@pytest.mark.parametrize("playbook", [each for each in PLAYBOOKS if not each.endswith("new_site.yml")])
def test_without_a_host_it_says_what_to_do(tmp_path: Path, playbook: str) -> None:
    """Ansible's own way is to do nothing, and to call that a success."""
    (tmp_path / "inventory.ini").write_text("[others]\nlocalhost ansible_connection=local\n")
    done = run(tmp_path, "-i", "inventory.ini", str(REPOSITORY / playbook))
    assert done.returncode != 0, done.stdout
    assert "no host is in the group api. Ansible ignores the ansible.cfg of a folder" in " ".join(
        done.stderr.split()
    )
