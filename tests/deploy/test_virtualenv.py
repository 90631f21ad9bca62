"""An attacker in the application's requirements, while they are installed by who deploys, root often."""

from __future__ import annotations

import io
import json
import platform
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from support.bundles import wheel_of_files
from support.hostile import MODULES, hostile_requirements
from support.places import REPOSITORY
from support.site import play

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [{wiring}]
  tasks:
    - ansible.builtin.import_role: {{name: mooring.mooring.virtualenv, tasks_from: bundles}}
      vars: {settings}
    - mooring.mooring.host:
        call: tree.choose
        arguments: {{kind: virtualenv, folder: {venvs}, name: "{{{{ __virtualenv_built.bundles.one.id }}}}"}}
      register: chosen
    - ansible.builtin.import_role: {{name: mooring.mooring.virtualenv, tasks_from: install}}
      vars:
        virtualenv_python: {python}
        virtualenv_bundle: "{{{{ __virtualenv_built.bundles.one }}}}"
        virtualenv_folder: {venvs}
        virtualenv_chosen: "{{{{ chosen.answer }}}}"
"""


class Target:
    """A folder for virtualenvs; what hostile requirements have noted while they were installed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.noted, self.venvs = folder, folder / "noted", folder / "venvs"
        self.requirements = hostile_requirements(folder, repr(str(self.noted)))

    def install(self) -> None:
        """Run the role `virtualenv`."""
        python = {
            "path": sys.executable,
            "version": [*sys.version_info[:3]],
            "machine": platform.machine(),
            "libc_version": platform.libc_ver()[1],
        }
        settings = {
            "ansible_python_interpreter": sys.executable,
            "virtualenv_cache": str(self.folder / "bundles"),
            "virtualenv_wanted": {"one": {"app_requirements": [str(self.requirements)]}},
            "virtualenv_python": python,
        }
        playbook = self.folder / "play.yml"
        wiring = REPOSITORY / "roles/site/vars/main/wiring.yml"
        playbook.write_text(
            PLAY.format(
                wiring=wiring, settings=json.dumps(settings), venvs=self.venvs, python=json.dumps(python)
            )
        )
        play(playbook, "-i", "localhost,")

    def venv(self) -> Path:
        (found,) = (path for path in self.venvs.iterdir() if path.is_dir())
        return found


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    one = Target(tmp_path_factory.mktemp("virtualenv"))
    one.install()
    return one


def test_nothing_that_an_application_pins_is_executed_by_who_installs_it(target: Target) -> None:
    assert not target.noted.exists(), target.noted.read_text()
    packages = next(target.venv().glob("lib/python3*/site-packages"))
    assert {path.name for path in packages.iterdir()} >= {"pip", *MODULES, "a_first.pth"}, "all is installed"
    subprocess.run([target.venv() / "bin/python", "-I", "-m", "pip"], check=True, timeout=60)
    names = {line.partition(" ")[0] for line in target.noted.read_text().splitlines()}
    # Not each: where the system has a sitecustomize, as Debian has, that comes first.
    assert names >= {"site", "pip"}, "that is what the attack can do"


def test_a_wheel_that_was_replaced_on_its_way_is_not_installed(target: Target) -> None:
    """In a bundle that was built before: its requirements.txt tells the hashes of its wheels."""
    (bundle,) = (target.folder / "bundles").glob("*.tar")
    with tarfile.open(bundle) as archive:
        files = {
            member.name: file.read()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }
    (name,) = (name for name in files if name.startswith("mooring_everywhere-"))
    with tarfile.open(bundle, "w") as archive:
        for path, content in (files | {name: replaced(files[name])}).items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    first = target.venv()
    first.chmod(0o755)  # only root can move a folder that is read-only
    first.rename(target.folder / "first")
    with pytest.raises(AssertionError, match="DO NOT MATCH THE HASHES"):
        target.install()
    assert not list(first.glob("lib/python3*/site-packages/attr")), "nothing is installed"


def test_the_pip_that_installs_writes_nothing_beside_the_virtualenv(target: Target, tmp_path: Path) -> None:
    """Whatever paths a wheel has: as root it could write anywhere."""
    with tarfile.open(next((target.folder / "bundles").glob("*.tar"))) as archive:
        (name,) = (name for name in archive.getnames() if name.startswith("installer/pip-"))
        file = archive.extractfile(name)
        assert file is not None
        (tmp_path / "installer").mkdir()
        (tmp_path / name).write_bytes(file.read())
    venv.create(tmp_path / "a/b/venv", symlinks=True)
    evil = {
        "script": {"evil-1.0.dist-info/entry_points.txt": "[console_scripts]\n../../escaped = evil:main\n"},
        "data": {"evil-1.0.data/data/../../../escaped": ""},
        "module": {"../../../../../../escaped": ""},
    }
    for which, files in evil.items():
        wheel = wheel_of_files(tmp_path / which, "evil", files=files)[0]
        words = ["--isolated", "install", "--ignore-installed", "--no-index", "--no-deps", str(wheel)]
        command = [tmp_path / "a/b/venv/bin/python", "-I", tmp_path / name / "pip", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert "ERROR: " in done.stderr, which
    assert list(tmp_path.rglob("escaped")) == []


def replaced(wheel: bytes) -> bytes:
    """Put a module more into a wheel."""
    file = io.BytesIO(wheel)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("evil.py", "")
    return file.getvalue()
