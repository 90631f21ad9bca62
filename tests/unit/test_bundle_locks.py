"""What builds a project is what a lock names by hash: an index, a backend and a build script try to bring in more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle import installer
from bundle.backends import KEPT, KEPT_BEGIN
from support.bundles import command, greeter, held, refused, run, wheel, write
from support.places import REPOSITORY, SOURCES


@pytest.fixture(autouse=True)
def fresh() -> Any:
    """Read pip's settings again in each test."""
    installer.environment.cache_clear()
    yield
    installer.environment.cache_clear()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all: what builds is downloaded once."""
    return tmp_path_factory.mktemp("bundles")


class Index:
    """The user's index (a folder), where somebody has put a backend that tells when it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ran = folder / "index", folder / "ran"
        self.told = f"import pathlib\npathlib.Path({str(self.ran)!r}).touch()\n"
        self.line = self.offer("evil")

    def offer(self, name: str, *requires: str) -> str:
        """Offer a wheel whose module tells when it runs; its line with a hash."""
        return wheel(self.folder, name, *requires, **{name: self.told + BACKEND})[1]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    made = Index(tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.folder))
    return made


# The smallest backend: a wheel of nothing but its description, and a file with the environment that it has found.
BACKEND = """
import json, os, pathlib, zipfile

ASKS = []

def get_requires_for_build_wheel(config_settings=None):
    return ASKS

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, described = "own-1.0-py3-none-any.whl", "own-1.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as archive:
        archive.writestr("environment.json", json.dumps({**os.environ}))
        archive.writestr(f"{described}/METADATA", "Metadata-Version: 2.1\\nName: own\\nVersion: 1.0\\n")
        archive.writestr(f"{described}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{described}/RECORD", "environment.json,,\\n")
    return name
"""


def own_backend(folder: Path, asks: str = "[]", requires: str = "") -> Path:
    """Make a project that brings its backend along (backend-path), which asks for `asks` when it is called."""
    write(
        folder / "pyproject.toml",
        f'[build-system]\nrequires = [{requires}]\nbuild-backend = "own_backend"\nbackend-path = ["."]\n'
        '[project]\nname = "own"\nversion = "1.0"\n',
    )
    write(folder / "own_backend.py", BACKEND.replace("ASKS = []", f"ASKS = {asks}"))
    return folder


def by_setup(folder: Path) -> Path:
    write(
        folder / "setup.py",
        "from setuptools import setup\nsetup(name='own', version='1', py_modules=['own'], setup_requires=['evil'])\n",
    )
    write(folder / "own.py", "")
    return folder


@pytest.mark.parametrize("way", ["static", "backend", "setup.py", "url"])
def test_nothing_that_no_lock_names_builds_a_project(
    tmp_path: Path, cache: Path, index: Index, way: str, capsys: Any
) -> None:
    project = tmp_path / "p"
    url = f"evil @ {(index.folder / 'evil-1.0-py3-none-any.whl').as_uri()}"
    if way == "static":
        greeter(project, requires='"evil"', backend="evil")
    elif way == "backend":
        own_backend(project, asks='["evil"]')
    elif way == "setup.py":
        by_setup(project)
    else:
        greeter(project, requires=f'"{url}"', backend="evil")
    error = refused(capsys, command(cache, "--source", project))
    assert f"app_source: {project}: no hash locks what builds it: evil is" in error
    assert f"write {project}/mooring-build.txt by `make lock-build ARGS={project}`" in error
    assert "or name a wheel that is built elsewhere in app_source" in error
    assert not index.ran.exists()


def test_what_a_locked_package_asks_for_must_be_locked_too(
    tmp_path: Path, cache: Path, index: Index, capsys: Any
) -> None:
    project = greeter(tmp_path / "p", requires='"helper"', backend="helper")
    lock = project / "mooring-build.txt"
    for asked, words in (
        ("evil", "evil is not in it"),
        ("evil<1", "evil<1 is not in it"),
        (
            f"evil @ {index.folder.as_uri()}/evil-1.0-py3-none-any.whl",
            "evil is asked for by a URL, which no lock holds",
        ),
    ):
        write(lock, index.offer("helper", asked) + "\n")
        error = refused(capsys, command(cache, "--source", project))
        assert f"{lock} does not lock what builds it: {words}" in error, error
        assert not index.ran.exists()
    write(lock, f"{index.offer('helper', 'evil<1')}\n{index.line}\n")
    assert "evil<1 is asked for, and it has evil 1.0" in refused(capsys, command(cache, "--source", project))
    # What an extra or another system asks for does not count.
    write(lock, index.offer("helper", 'evil; extra == "x"', 'evil; sys_platform == "win32"') + "\n")
    assert list(held(run(capsys, command(cache, "--source", project))["path"])) == [
        "own-1.0-py3-none-any.whl"
    ]
    write(
        project / "pyproject.toml",
        (project / "pyproject.toml").read_text().replace('"helper"', '"helper[x]"', 1),
    )
    assert "evil is not in it" in refused(capsys, command(cache, "--source", project))


def test_another_file_than_the_locked_one_does_not_run(
    tmp_path: Path, cache: Path, index: Index, capsys: Any
) -> None:
    project = greeter(tmp_path / "p", requires='"evil"', backend="evil")
    write(project / "mooring-build.txt", "evil==1.0 --hash=sha256:" + "0" * 64 + "\n")
    error = refused(capsys, command(cache, "--source", project))
    assert f"what builds app_source: {project} cannot be had as wheels (evil)" in error
    # Nor one that has taken its place in the cache.
    write(project / "mooring-build.txt", index.line + "\n")
    run(capsys, command(cache, "--source", project))
    assert index.ran.exists(), "the locked file has run, or this test shows nothing"
    index.ran.unlink()
    (kept,) = (each for each in (cache / "build-packages").glob("*/evil-*.whl"))
    wheel(kept.parent, "evil", evil=index.told + "# another one\n" + BACKEND)
    write(project / "greeter.py", "changed = True\n")
    assert "cannot be installed (evil)" in refused(capsys, command(cache, "--source", project))
    assert not index.ran.exists()


def test_a_file_of_the_inventory_takes_the_place_of_the_project_s_own(
    tmp_path: Path, cache: Path, index: Index, capsys: Any
) -> None:
    project = greeter(tmp_path / "p", requires='"good"', backend="good")
    write(project / "mooring-build.txt", index.line + "\n")
    good = wheel(index.folder, "good", good=BACKEND)[1]
    own = write(tmp_path / "build.txt", good + "\n")
    run(capsys, command(cache, "--source", project, "--build-requirements", own))
    assert not index.ran.exists()
    write(own, index.line + "\n")
    words = f"app_build_requirements ({own}) has not all that builds app_source: {project}: good is not in it"
    assert words in refused(capsys, command(cache, "--source", project, "--build-requirements", own))
    missing = command(cache, "--source", project, "--build-requirements", tmp_path / "buld.txt")
    assert f"app_build_requirements: {tmp_path}/buld.txt does not exist" in refused(capsys, missing)
    for text, words in (
        ("good\n", "good carries no pinned version with a hash"),
        ("good==1.0\n", "good==1.0 carries no hash"),
        ("-e ./p\n", f"{own} names the source {project}, which has no hash: take the line out"),
    ):
        write(own, text)
        arguments = command(cache, "--source", project, "--build-requirements", own)
        assert words in refused(capsys, arguments)


def test_the_deployer_s_environment_does_not_reach_a_build(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = "AWS_SECRET_ACCESS_KEY GITHUB_TOKEN PIP_INDEX_URL SSH_AUTH_SOCK ANSIBLE_VAULT_PASSWORD_FILE HTTPS_PROXY LD_PRELOAD_X"
    for name in hidden.split():
        monkeypatch.setenv(name, "a-token")
    monkeypatch.setenv("CFLAGS", "-O1")
    own = own_backend(tmp_path / "p")
    told = run(capsys, command(tmp_path / "cache", "--source", own))
    (built,) = held(told["path"]).values()
    found = json.loads(built.read("environment.json"))
    assert "a-token" not in found.values()
    assert found["CFLAGS"] == "-O1"
    assert found["HOME"] != os.environ["HOME"]
    assert found["PIP_NO_INDEX"] == "1"
    ours = {
        "HOME",
        "SOURCE_DATE_EPOCH",
        "PIP_NO_INDEX",
        "PIP_CONFIG_FILE",
        "PIP_NO_INPUT",
        "UV_OFFLINE",
        "UV_NO_CONFIG",
    }
    others = {name for name in found if name not in {*KEPT, *ours} and not name.startswith(KEPT_BEGIN)}
    # Of the machinery that calls a backend, and of Python's own start.
    assert {name for name in others if not name.startswith("_PYPROJECT_HOOKS_")} <= {"LC_CTYPE"}


def test_a_source_archive_is_built_by_a_lock_as_well(
    tmp_path: Path, cache: Path, index: Index, capsys: Any
) -> None:
    import hashlib
    import tarfile

    project = greeter(tmp_path / "greeter-1.0", requires='"evil"', backend="evil")
    # A lock in the archive is the word of who has made the archive, not of who deploys it.
    write(project / "mooring-build.txt", index.line + "\n")
    archive = index.folder / "greeter-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(project, arcname=project.name)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    lock = write(tmp_path / "lock.txt", f"greeter==1.0 --hash=sha256:{digest}\n")
    error = refused(capsys, command(cache, "--app-requirements", lock))
    assert f"{lock}: greeter: no hash locks what builds it: evil is not in it" in error
    assert (
        "`make lock-build ARGS=\"--requires 'evil' --output FILE\"`, name FILE by app_build_requirements"
        in error
    )
    assert not index.ran.exists()


def test_the_command_locks_what_a_project_and_its_backend_ask_for(
    tmp_path: Path, cache: Path, capsys: Any
) -> None:
    project = own_backend(tmp_path / "p", asks='["hatch-requirements-txt"]', requires='"pathspec"')
    assert "pathspec" not in refused(capsys, command(cache, "--source", project))
    done = subprocess.run(
        ["make", "--silent", "lock-build", f"ARGS={project}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{project}/mooring-build.txt is written. Read it before you commit it" in done.stdout
    text = (project / "mooring-build.txt").read_text()
    assert {line.split("==")[0] for line in text.splitlines() if "==" in line} >= {
        "hatch-requirements-txt",
        "hatchling",
        "pathspec",
        "packaging",
    }
    # The project's folder has got the lock and nothing else.
    assert sorted(each.name for each in project.iterdir()) == [
        "mooring-build.txt",
        "own_backend.py",
        "pyproject.toml",
    ]
    run(capsys, command(cache, "--source", project))


def test_the_command_says_what_it_cannot_lock(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    write(uv, "#!/bin/sh\necho 'no such package' >&2\nexit 1\n").chmod(0o755)
    start = [sys.executable, "-m", "bundle.write_lock", "--uv", str(uv)]
    for words, told in (
        ([str(tmp_path / "none")], f"app_source: {tmp_path}/none does not exist"),
        (
            ["--requires", "nobody-has-it", "--output", str(tmp_path / "o")],
            "(nobody-has-it): no such package",
        ),
    ):
        done = subprocess.run(
            [*start, *words],
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}/tools:{SOURCES}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, told in done.stderr) == (1, True), done.stderr
    assert not (tmp_path / "o").exists()


def test_mooring_s_own_set_builds_the_common_kinds(tmp_path: Path, cache: Path, capsys: Any) -> None:
    project = "[project]\nname = 'p'\nversion = '1.0'\ndescription = 'x'\n"
    for requires, backend, more in (
        ("'flit_core>=3.2'", "flit_core.buildapi", project),
        ("'poetry-core>=1'", "poetry.core.masonry.api", project),
        ("'pdm-backend'", "pdm.backend", project),
    ):
        folder = tmp_path / backend.split(".")[0] / "p"
        write(folder / "p.py", '"""x"""\n')
        write(
            folder / "pyproject.toml",
            f"[build-system]\nrequires = [{requires}]\nbuild-backend = '{backend}'\n{more}",
        )
        told = run(capsys, command(cache, "--source", folder))
        assert [name.split("-")[:2] for name in held(told["path"])] == [["p", "1.0"]], backend
