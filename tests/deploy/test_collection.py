"""The collection as its users have it: built, installed offline, a site of the operator's own, and an upgrade underneath it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.load.generator import Generator, wrong
from support.places import REPOSITORY
from support.ports import free_port

BIN = Path(sys.executable).parent
GREETER = REPOSITORY / "tests/support/sites/greeter"
NEWER = "9.9.9"


def ansible(folder: Path, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Ansible's in a folder, with nothing of the clone's settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return subprocess.run(
        [BIN / words[0], *words[1:]],
        cwd=folder,
        env={
            **clean,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(folder / ".ansible"),
            "COLUMNS": "1000",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def right(done: subprocess.CompletedProcess[str]) -> str:
    """Return the output of a command that has succeeded."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(source: Path, out: Path) -> Path:
    """Build the collection; its file."""
    right(ansible(source, "ansible-galaxy", "collection", "build", "--output-path", out))
    (built,) = out.glob("mooring-mooring-*.tar.gz")
    return built


def install(built: Path, into: Path, *words: str) -> None:
    """Install the file; neither index nor server is asked."""
    right(
        ansible(
            into.parent, "ansible-galaxy", "collection", "install", "--offline", *words, "-p", into, built
        )
    )


@dataclass(frozen=True)
class Files:
    """Two versions of the collection; the newer one has another runtime."""

    older: Path
    newer: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    place = tmp_path_factory.mktemp("collection")
    unwanted = shutil.ignore_patterns(
        ".git",
        ".venv",
        ".cache",
        ".*_cache",
        ".hypothesis",
        ".ansible",
        "build",
        "__pycache__",
        "tests",
        "molecule",
    )
    shutil.copytree(REPOSITORY, place / "source", symlinks=True, ignore=unwanted)
    older = build(place / "source", place / "older")
    described = place / "source/galaxy.yml"
    described.write_text(re.sub(r"(?m)^version: .*", f"version: {NEWER}", described.read_text()))
    with (place / "source/app/mooring/src/mooring/__init__.py").open("a") as module:
        module.write("# newer\n")
    return Files(older, build(place / "source", place / "newer"))


@dataclass
class Place:
    """A site of the test's own."""

    folder: Path
    port: int

    @property
    def installed(self) -> Path:
        return self.folder / "collections/ansible_collections/mooring/mooring"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type `ansible-playbook` and these words in the site."""
        return ansible(self.folder, "ansible-playbook", *words)

    def supervisor(self) -> Path:
        return self.folder.parent / "root/supervisor/run/supervisord.pid"


@pytest.fixture(scope="module")
def place(files: Files) -> Iterator[Place]:
    """Create a site by the installed collection, with the greeter as its application; remove all of it at the end."""
    top = Path(tempfile.mkdtemp(prefix="mooring-site-"))
    top.chmod(0o755)  # the service user of a root that deploys looks into it
    try:
        one = Place(top / "site", free_port())
        install(files.older, top / "installed")
        found = {"ANSIBLE_COLLECTIONS_PATH": str(top / "installed")}
        create = ("ansible-playbook", "mooring.mooring.new_site", "-e", "folder=site")
        right(ansible(top, *create, **found))
        again = ansible(top, *create, **found)
        assert again.returncode == 2
        assert f"{one.folder} exists and is not empty" in again.stdout
        shutil.copytree(GREETER, one.folder / "greeter", ignore=shutil.ignore_patterns("__pycache__"))
        settings: dict[str, Any] = {
            "api_name": "greeter",
            "api_port": one.port,
            "bind": "127.0.0.1",
            "workers": 2,
            "mooring_root": str(top / "root"),
            "supervisorctl_conf": "",
            # relative to the site
            "app_source": "greeter",
            "app_requirements": "greeter/requirements.txt",
            "wsgi_apps": {"django": "greeter:application", "pecan": "greeter:make_app()"},
            "smoke_path": "/",
            "gate_timeout": 60,
        }
        (one.folder / "inventory/local/group_vars/api.yml").write_text(yaml.safe_dump(settings))
        shutil.rmtree(top / "installed")
        install(files.older, one.folder / "collections")
        for path in [one.installed, *one.installed.rglob("*")]:
            path.chmod(path.stat().st_mode & 0o555)
        yield one
        removed = one.run("playbooks/remove.yml", "-e", "remove_data=true")
        assert removed.returncode == 0, removed.stdout + removed.stderr
        assert not (top / "root").exists()
    finally:
        subprocess.run(["chmod", "-R", "u+w", top], check=True)
        shutil.rmtree(top)


def test_it_carries_what_a_run_needs_and_nothing_of_the_clones(files: Files) -> None:
    with tarfile.open(files.older) as archive:
        names = {name.partition("/")[0] for name in archive.getnames()}
    assert names == {
        *("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"),
        *(
            "FILES.json",
            "MANIFEST.json",
            "app",
            "deploy.yml",
            "docs",
            "inventory",
            "meta",
            "playbooks",
            "plugins",
        ),
        *("requirements", "roles", "templates", "tools"),
    }


KINDS = {
    "module": "action",
    "lookup": "lookup",
    "filter": "filter",
    "callback": "callback",
    "inventory": "inventory",
}
"""Kinds of plugins as ansible-doc names them, and the folder that has each; a module of ours only documents an action."""


@pytest.mark.parametrize("kind", KINDS)
def test_ansible_doc_knows_every_plugin(place: Place, kind: str) -> None:
    asked = ("ansible-doc", "--json", "-t", kind)
    listed = set(json.loads(right(ansible(place.folder, *asked, "-l", "mooring.mooring"))))
    folder = place.installed / "plugins" / KINDS[kind]
    # A file of filters holds several, each with a page of its own.
    ours = {path.stem for path in folder.glob("*.yml" if kind == "filter" else "*.py")}
    assert ours
    assert listed == {f"mooring.mooring.{name}" for name in ours}
    done = ansible(place.folder, *asked, *sorted(listed))
    assert "Missing documentation" not in done.stderr
    assert set(json.loads(right(done))) == listed


def test_ansible_doc_knows_the_variables(place: Place) -> None:
    told = right(ansible(place.folder, "ansible-doc", "--json", "-t", "role", "mooring.mooring.site"))
    assert "web_framework" in told


def test_a_site_deploys_switches_and_is_upgraded_underneath(
    place: Place, files: Files, tmp_path: Path
) -> None:
    """What `ansible-playbook deploy.yml` does in a clone it does there; no request fails, also when the collection changes."""
    assert "django" in right(place.run("deploy.yml"))
    assert (place.folder / "build/bundles").is_dir()
    out = tmp_path / "out"
    load = Generator(out, f"http://127.0.0.1:{place.port}", "--get", "/")
    try:
        assert "pecan" in right(place.run("deploy.yml", "-e", "web_framework=pecan"))
        assert "changed=0" in right(place.run("deploy.yml", "-e", "web_framework=pecan"))
        right(place.run("playbooks/verify.yml"))
        before = right(place.run("playbooks/status.yml"))

        subprocess.run(["chmod", "-R", "u+w", place.folder / "collections"], check=True)
        install(files.newer, place.folder / "collections", "--force")
        assert NEWER in (place.installed / "MANIFEST.json").read_text()
        upgraded = right(place.run("deploy.yml", "-e", "web_framework=pecan"))
        assert "changed=0" not in upgraded
        after = right(place.run("mooring.mooring.status"))
        assert before.count("  live") == after.count("  live") == 1
        assert before.split("What serves now")[1] != after.split("What serves now")[1]
        right(place.run("playbooks/rollback.yml"))
        right(place.run("playbooks/restart.yml"))
        summary = load.stop()
    finally:
        load.end()
    assert summary["requests"] > 1000
    assert wrong(summary) == {}
