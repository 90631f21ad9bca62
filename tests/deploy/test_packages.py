"""The two packages as anybody installs them: from a wheel, with what it declares, into an empty virtualenv."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundle import cache, sources
from bundle.__main__ import fetch
from bundle.backends import Workshop
from bundle.reading import Read, read
from bundle.requirements import ranges, wanted
from bundle.target_python import TargetPython
from support.places import REPOSITORY

LOCKS = REPOSITORY / "requirements"
TARGET = TargetPython(platform.python_version(), platform.machine(), platform.libc_ver()[1])
WORKSHOP = Workshop(REPOSITORY / "build/bundles")

# What must not be there without an extra, and what each extra makes possible.
ALL_OF_A_PACKAGE = """
import importlib, pkgutil, sys
names = [name for name in sys.argv[1:]]
for name in names:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""
ANSWER = """
import sys
from wsgiref.util import setup_testing_defaults
{entry}
environ = {{"PATH_INFO": "/api/multicloud/v0/vim_types"}}
setup_testing_defaults(environ)
said = []
body = b"".join(application(environ, lambda status, headers: said.append(status)))
assert said == ["200 OK"], said
assert b'"openstack"' in body, body
"""


def declared(project: str) -> dict[str, Any]:
    """Read what a package says of itself."""
    text = (REPOSITORY / "app" / project / "pyproject.toml").read_text()
    said: dict[str, Any] = tomllib.loads(text)["project"]
    return said


def asked(project: str, *extras: str) -> dict[str, Requirement]:
    """Read what a package asks for, with these extras of it, by name."""
    said = declared(project)
    lists = [said["dependencies"], *(said["optional-dependencies"][extra] for extra in extras)]
    found = [Requirement(text) for each in lists for text in each]
    return {canonicalize_name(each.name): each for each in found}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build both packages as `make packages` does, by the controller's locked hatchling: the wheels."""
    folder = tmp_path_factory.mktemp("packages")
    for project in ("mooring", "multicloud"):
        command = [
            sys.executable,
            "-m",
            "build",
            "--no-isolation",
            "--outdir",
            folder,
            REPOSITORY / "app" / project,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


def run(folder: Path, *words: str, status: int = 0, **environment: str) -> str:
    """Run a program of a virtualenv, with nothing of this one around; what it says."""
    bare = {"PATH": os.defpath, "HOME": str(folder), **environment}
    command = [str(folder / "bin" / words[0]), *words[1:]]
    done = subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def install(folder: Path, wheel: Path, extra: str, locks: list[Path]) -> Path:
    """Install a wheel with an extra, and what it declares: each package by the hash that a lock has, and from no index."""
    venv.create(folder, symlinks=True)
    name, digest = wheel.name.partition("-")[0], hashlib.sha256(wheel.read_bytes()).hexdigest()
    extras = f"[{extra}]" if extra else ""
    (folder / "requirements.txt").write_text(f"{name}{extras} @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    words = ["--no-index", "--requirement", str(folder / "requirements.txt")]
    if locks:
        packages = wanted(locks, [], TARGET)
        with cache.private_umask():
            wheels = fetch(packages, TARGET, WORKSHOP)
        # Constraints: only what the wheel asks for is installed, and of that only what is locked.
        (folder / "lock.txt").write_text("\n".join(packages.lines()) + "\n")
        words += ["--find-links", str(wheels[0].path.parent), "--constraint", str(folder / "lock.txt")]
    pip = [sys.executable, "-I", "-m", "pip", "--isolated", "--python", str(folder / "bin/python")]
    command = [*pip, "install", "--quiet", "--disable-pip-version-check", "--require-hashes", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run([*pip, "check"], check=True, capture_output=True)
    return folder


def test_a_package_needs_nothing_that_a_use_of_it_does_not_need(
    built: dict[str, Path], tmp_path: Path
) -> None:
    folder = install(tmp_path / "venv", built["mooring"], "", [])
    run(folder, "python", "-I", "-c", "import mooring.settings, mooring.casts, mooring.texts")


def test_supervisord_s_virtualenv(built: dict[str, Path], tmp_path: Path) -> None:
    folder = install(tmp_path / "venv", built["mooring"], "host", [LOCKS / "supervisor.txt"])
    run(folder, "python", "-I", "-c", ALL_OF_A_PACKAGE, "mooring.plugin", "mooring.host")
    assert "verify" in run(folder, "mooringctl", "--help")
    run(folder, "python", "-I", "-c", "import eventlet", status=1)


def test_a_release_s_runtime(built: dict[str, Path], tmp_path: Path) -> None:
    folder = install(tmp_path / "venv", built["mooring"], "eventlet", [LOCKS / "runtime.txt"])
    run(
        folder,
        "python",
        "-I",
        "-W",
        "ignore",
        "-c",
        ALL_OF_A_PACKAGE,
        "mooring.bootstrap",
        "mooring.worker",
        "mooring.http",
        "mooring.companion",
    )
    for program in ("bootstrap", "worker"):
        assert "MOORING_APP is not set" in run(folder, "python", "-I", "-m", f"mooring.{program}", status=2)


@pytest.mark.parametrize(
    ("framework", "other", "entry"),
    [
        ("django", "pecan", "from multicloud.django_web.wsgi import application"),
        ("pecan", "django", "from multicloud.pecan_web.app import make_app; application = make_app()"),
    ],
)
def test_the_api_by_one_framework(
    built: dict[str, Path], tmp_path: Path, framework: str, other: str, entry: str
) -> None:
    folder = install(tmp_path / "venv", built["multicloud"], framework, [LOCKS / "multicloud.txt"])
    run(folder, "python", "-I", "-W", "ignore", "-c", ANSWER.format(entry=entry))
    run(folder, "python", "-I", "-c", f"import {other}", status=1)


def test_the_api_without_a_framework(built: dict[str, Path], tmp_path: Path) -> None:
    folder = install(tmp_path / "venv", built["multicloud"], "", [LOCKS / "multicloud.txt"])
    run(
        folder,
        "python",
        "-I",
        "-c",
        ALL_OF_A_PACKAGE,
        "multicloud.core",
        "multicloud.sandbox",
        "multicloud.parity",
    )
    assert "MULTICLOUD_AAI_URL" in run(folder, "python", "-I", "-m", "multicloud.core.settings")
    assert "stand-in for A&AI" in run(folder, "multicloud-sandbox", "--help")
    assert "Are both servers up?" in run(folder, "multicloud-parity", *["http://127.0.0.1:9"] * 2, status=2)
    for name in ("django", "pecan", "webob"):
        run(folder, "python", "-I", "-c", f"import {name}", status=1)


def test_twine_finds_nothing_to_complain_of(built: dict[str, Path]) -> None:
    done = subprocess.run(
        ["tools/extra_venv.sh", "packages"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    files = list(next(iter(built.values())).parent.iterdir())
    assert {path.suffix for path in files} == {".whl", ".gz"}
    checked = subprocess.run(
        [Path(done.stdout.strip()) / "twine", "check", "--strict", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("PASSED") == 4


def test_a_deploy_installs_the_same(built: dict[str, Path], tmp_path: Path) -> None:
    """What the bundle builds from a source, and what is published, differ in nothing that is installed."""
    for project, wheel in built.items():
        ours = sources.wheel_of(REPOSITORY / "app" / project, TARGET, Workshop(tmp_path))
        assert ours.contents == sources._contents(wheel)
        names = zipfile.ZipFile(wheel).namelist()
        assert f"{project}/py.typed" in names
        assert any(name.endswith("licenses/LICENSE") for name in names)
        assert (REPOSITORY / "app" / project / "LICENSE").read_text() == (REPOSITORY / "LICENSE").read_text()
    (sdist,) = built["mooring"].parent.glob("mooring-*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"README.md", "LICENSE", "pyproject.toml"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith(".cache")]


@pytest.mark.parametrize(
    ("project", "extras", "name"),
    [
        ("mooring", ["eventlet"], "runtime"),
        ("mooring", ["host"], "supervisor"),
        ("multicloud", ["django", "pecan"], "multicloud"),
    ],
)
def test_what_is_declared_and_what_is_locked_go_together(project: str, extras: list[str], name: str) -> None:
    declares, given, locked = asked(project, *extras), ranges(LOCKS / f"{name}.in"), Read()
    read(LOCKS / f"{name}.txt", locked)
    assert set(given) <= set(declares)
    pinned = {}
    for pin in locked.pins:
        pinned.setdefault(canonicalize_name(pin.requirement.name), []).append(pin.version)
    for each, requirement in declares.items():
        assert all(requirement.specifier.contains(version) for version in pinned[each]), each
        one = given.get(each, requirement).specifier
        assert str(one).startswith("==") or one == requirement.specifier, f"{each}: two ranges"


def test_the_oldest_supervisor_that_is_tested_is_the_oldest_that_is_declared() -> None:
    oldest, locked = asked("mooring", "host")["supervisor"].specifier, Read()
    read(LOCKS / "supervisor-4.2.5.txt", locked)
    (version,) = (pin.version for pin in locked.pins if pin.requirement.name == "supervisor")
    assert f">={version}" in str(oldest)
