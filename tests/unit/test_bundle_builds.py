"""What is built on the controller: with locked build tools, by pip's indexes and nothing else of the user's settings."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bundle import history, installer, listing
from bundle.target_python import glibc_here
from support.bundles import command, git, greeter, held, refused, run, wheel, write

NATIVE = ["--machine", os.uname().machine, "--glibc", glibc_here()]


@pytest.fixture(autouse=True)
def fresh() -> Any:
    """Read pip's settings again in each test."""
    installer.environment.cache_clear()
    yield
    installer.environment.cache_clear()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all: what builds is downloaded once."""
    return tmp_path_factory.mktemp("bundles")


def sdist(folder: Path, name: str, setup: str, **files: str) -> tuple[Path, str]:
    """Make a source archive as old packages have it; the folder that pip finds it in, and its line with a hash."""
    root = folder / f"{name}-1.0"
    write(
        root / "setup.py",
        f"from setuptools import setup, Extension\nsetup(name={name!r}, version='1.0', {setup})\n",
    )
    write(root / "PKG-INFO", f"Metadata-Version: 1.0\nName: {name}\nVersion: 1.0\n")
    for file, text in files.items():
        write(root / file.replace("__", "."), text)
    archive = folder / "files" / f"{name}-1.0.tar.gz"
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(root, arcname=root.name)
    return archive.parent, f"{name}==1.0 --hash=sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"


def test_a_source_archive_is_built_by_its_hash(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels, line = sdist(tmp_path, "oldtimer", "py_modules=['oldtimer']", oldtimer__py="X = 1\n")
    monkeypatch.setenv("PLACE", str(wheels))
    lock = write(tmp_path / "lock.txt", f"--find-links ${{PLACE}}\n{line}\n")
    told = run(capsys, command(cache, "--app-requirements", lock))  # no app_source at all
    assert list(held(told["path"])) == ["oldtimer-1.0-py3-none-any.whl"]
    # By a URL, too; and a file with another hash is not taken.
    url = f"oldtimer @ file://{wheels}/oldtimer-1.0.tar.gz {line.split()[1]}"
    again = run(capsys, command(cache, "--app-requirements", write(tmp_path / "url.txt", url)))
    assert list(held(again["path"])) == ["oldtimer-1.0-py3-none-any.whl"]
    wrong = write(tmp_path / "wrong.txt", url.rpartition(":")[0] + ":" + "0" * 64)
    assert "does not have the hash that the requirements file names" in refused(
        capsys, command(cache, "--app-requirements", wrong)
    )


def test_a_wheel_with_another_hash_is_not_taken(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, line = wheel(tmp_path / "wheels", "mooring_a", mooring_a="X = 1")
    lock = write(tmp_path / "lock.txt", f"--no-index\n--find-links wheels\n{line}\n")
    assert list(held(run(capsys, command(cache, "--app-requirements", lock))["path"])) == [path.name]
    wheel(tmp_path / "wheels", "mooring_a", mooring_a="import evil")  # somebody has replaced it
    error = refused(capsys, command(tmp_path / "new", "--app-requirements", lock))
    assert "mooring_a==1.0 cannot be had" in error


def test_compiled_code_is_built_for_a_target_like_the_controller_alone(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Compiling is the backend's part: this one says that it has, so that no compiler is needed.
    marked = "cmdclass={'bdist_wheel': type('W', (__import__('setuptools.command.bdist_wheel', fromlist=['x']).bdist_wheel,), {"
    marked += "'finalize_options': lambda s: (super(type(s), s).finalize_options(), setattr(s, 'root_is_pure', False))[0]})}"
    wheels, line = sdist(tmp_path, "compiled", f"py_modules=['compiled'], {marked}", compiled__py="X = 1\n")
    lock = write(tmp_path / "lock.txt", f"--find-links {wheels}\n{line}\n")
    told = run(capsys, command(cache, "--app-requirements", lock, *NATIVE))
    (name,) = held(told["path"])
    assert name.endswith(f"-linux_{os.uname().machine}.whl")
    other = f"3.{sys.version_info[1] + 1}.0"
    error = refused(capsys, command(cache, "--app-requirements", lock, *NATIVE, python=other))
    assert "compiled has compiled code: what the controller (Python 3." in error
    assert "name a wheel of compiled that is built for the target in app_source" in error


def test_a_source_archive_that_does_not_build_is_named(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheels, line = sdist(tmp_path, "broken", "**{}[0]")
    lock = write(tmp_path / "lock.txt", f"--find-links {wheels}\n{line}\n")
    error = refused(capsys, command(cache, "--app-requirements", lock))
    assert f"{lock}: broken does not build into a wheel: KeyError: 0" in error


def test_a_package_that_no_index_has_is_named(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    lock = write(tmp_path / "lock.txt", "nobody-has-it==1.0 --hash=sha256:" + "0" * 64 + "\n")
    error = refused(capsys, command(cache, "--app-requirements", lock))
    assert f"{lock}: nobody-has-it==1.0 cannot be had: the index has neither a wheel for the target" in error


def test_pip_s_settings_of_the_user_change_nothing_but_where_packages_are(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels, line = sdist(tmp_path, "oldtimer2", "py_modules=['oldtimer2']", oldtimer2__py="X = 1\n")
    configuration = write(
        tmp_path / "pip.conf",
        "[global]\nuser = true\nrequire-virtualenv = true\nno-binary = :all:\ntarget = /nowhere\nno-deps = true\n"
        f"constraint = /nowhere/limits.txt\nfind-links =\n    {wheels}\n    /elsewhere\n[install]\nprefix = /nowhere\n",
    )
    for name in ("USER", "REQUIRE_VIRTUALENV", "DRY_RUN", "REQUIRE_HASHES"):
        monkeypatch.setenv(f"PIP_{name}", "1")
    monkeypatch.setenv("PIP_TARGET", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    assert installer.settings()["PIP_FIND_LINKS"] == f"{wheels} /elsewhere"
    assert not {name for name in installer.environment() if "USER" in name and name.startswith("PIP")}
    told = run(capsys, command(cache, "--app-requirements", write(tmp_path / "lock.txt", line)))
    assert list(held(told["path"])) == ["oldtimer2-1.0-py3-none-any.whl"]
    monkeypatch.setenv("PIP_FIND_LINKS", "/by-variable")
    assert (
        installer.settings()["PIP_FIND_LINKS"] == "/by-variable"
    )  # as pip: a variable is stronger than a file


def test_a_build_that_asks_git_sees_the_history_and_writes_nothing(tmp_path: Path) -> None:
    top = tmp_path / "repository"
    project = greeter(top / "deep/greeter", requires='"hatchling", "hatch-vcs"')
    write(top / "other.txt", "x")
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "x")
    git(top, "tag", "-am", "x", "v1.2")
    assert history.version(project).startswith("v1.2-0-g")
    place = tmp_path / "place"
    listing.copy(listing.files(project, built=True), place / "copy/deep/greeter")
    before = {path: path.read_bytes() for path in (top / ".git").rglob("*") if path.is_file()}
    extra = history.shown(project, place)

    def describe() -> str:
        words = ["git", "describe", "--dirty", "--tags"]
        environment = {**listing.git_environment(), **extra}
        return subprocess.run(
            words,
            cwd=place / "copy/deep/greeter",
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert describe() == "v1.2"
    write(place / "copy/deep/greeter/greeter.py", "changed")
    assert describe() == "v1.2-dirty"
    assert {path: path.read_bytes() for path in (top / ".git").rglob("*") if path.is_file()} == before
