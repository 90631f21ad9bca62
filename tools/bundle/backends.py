"""Build a project into a wheel with its own backend, in an environment that holds exactly that backend's packages.

What a project's `[build-system] requires` asks for is resolved once by pip, written down with hashes in the cache
(`<cache>/build-requirements/`), and from then on installed from there: the same requirements give the same tools.
A file of the user's own (app_build_requirements) takes its place. A project that asks for hatchling alone is built
by the controller's, which requirements/controller.txt locks.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import venv
import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pyproject_hooks
from build import BuildBackendException, BuildException, ProjectBuilder, check_dependency
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bundle import installer
from bundle.errors import BundleError
from bundle.reading import Read, read, text_of
from bundle.requirements import line

CONTROLLER_HAS = {"hatchling"}


class Environment:
    """Where a backend runs: build's protocol `IsolatedEnv`, filled from hashes alone."""

    def __init__(self, python: Path, scripts: Path) -> None:
        self._python, self._scripts = python, scripts

    @property
    def python_executable(self) -> str:
        """The interpreter that the backend runs in."""
        return str(self._python)

    def make_extra_environ(self) -> Mapping[str, str]:
        """Return what the backend finds in its environment on top of ours."""
        return {"PATH": f"{self._scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


@dataclass(frozen=True)
class Workshop:
    """Where wheels are built: the cache's folder, and the user's own files with build requirements, if any."""

    cache: Path
    locked: tuple[Path, ...] = ()

    @property
    def locked_texts(self) -> list[str]:
        """What the user's files say, to be hashed."""
        return [text_of(path) for path in self.locked]


def build_wheel(
    project: Path, folder: Path, workshop: Workshop, what: str, extra: Mapping[str, str] | None = None
) -> Path:
    """Build the project, in a folder of ours, into a wheel, and return the wheel's path.

    `what` names the project in messages, `extra` is more of an environment. Raises BundleError with the end of what the
    backend has said.
    """
    said: list[str] = []

    def runner(
        cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        done = subprocess.run(
            cmd,
            cwd=cwd,
            env={**installer.environment(), **(extra_environ or {}), **(extra or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        said.append(done.stdout)
        done.check_returncode()

    try:
        with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backend's own, which build repeats
            needs = ProjectBuilder(project, runner=runner).build_system_requires
            if _controller_has(needs) and not workshop.locked:
                return Path(ProjectBuilder(project, runner=runner).build("wheel", folder))
            environment = _environment(Path(place), needs, workshop, what)
            builder = ProjectBuilder.from_isolated_env(environment, project, runner=runner)
            # A backend may ask for more than pyproject.toml says (PEP 517, get_requires_for_build_wheel).
            if more := builder.get_requires_for_build("wheel") - needs:
                _fill(Path(place), {*needs, *more}, workshop, what)
            return Path(builder.build("wheel", folder))
    except (
        BuildBackendException,
        subprocess.CalledProcessError,
        pyproject_hooks.BackendUnavailable,
    ) as error:
        reason, where = _told("".join(said), workshop.cache) if any(said) else (str(error), "")
        raise BundleError(f"{what} does not build into a wheel: {reason}{where}") from error
    except (BuildException, InvalidRequirement) as error:
        raise BundleError(f"{what} does not build into a wheel: {error}") from error


def _told(said: str, cache: Path) -> tuple[str, str]:
    """Return the last line of what a backend has said, and where all of it stands."""
    log = cache / "log" / f"{hashlib.sha256(said.encode()).hexdigest()[:16]}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(said)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "its backend has said nothing", f" (all that its backend said: {log})"


def _controller_has(needs: Collection[str]) -> bool:
    with suppress(InvalidRequirement):
        names = {Requirement(each).name for each in needs}
        return names <= CONTROLLER_HAS and not any(True for each in needs for _ in check_dependency(each))
    return False


def _environment(place: Path, needs: Collection[str], workshop: Workshop, what: str) -> Environment:
    venv.EnvBuilder(symlinks=True, with_pip=False).create(place)
    _fill(place, needs, workshop, what)
    return Environment(place / "bin" / "python", place / "bin")


def _fill(place: Path, needs: Collection[str], workshop: Workshop, what: str) -> None:
    """Install the build requirements into the environment, each by its hash."""
    listing = place / "build-requirements.txt"
    lines = given(workshop.locked) if workshop.locked else _recorded(needs, workshop.cache, what)
    listing.write_text("\n".join(lines) + "\n")
    words = ["--python", str(place / "bin" / "python"), "install", "--quiet", "--no-deps", "--require-hashes"]
    installer.run(
        [*words, "--only-binary=:all:", "--requirement", str(listing)],
        f"what builds {what} cannot be installed ({', '.join(sorted(needs))})",
    )
    if not workshop.locked:
        return
    if names := _missing(needs, place):
        raise BundleError(
            f"app_build_requirements ({', '.join(map(str, workshop.locked))}) has not all that builds {what}: {', '.join(names)}"
        )


def _missing(needs: Collection[str], place: Path) -> list[str]:
    """Return the requirements that the environment does not meet, by its own packages alone."""
    site = str(next((place / "lib").glob("python*/site-packages")))
    has = {canonicalize_name(each.name): each.version for each in metadata.distributions(path=[site])}
    missing = []
    for each in map(Requirement, needs):
        if each.marker is None or each.marker.evaluate():
            version = has.get(canonicalize_name(each.name))
            if version is None or not each.specifier.contains(version, prereleases=True):
                missing.append(str(each))
    return missing


def given(locked: Sequence[Path]) -> list[str]:
    """Read the user's own files with build requirements, for the controller's Python. Raises BundleError."""
    found = Read(variable="app_build_requirements")
    for path in locked:
        read(path, found)
    return [
        line(pin) for pin in found.pins if pin.requirement.marker is None or pin.requirement.marker.evaluate()
    ]


def _recorded(needs: Collection[str], cache: Path, what: str) -> list[str]:
    """Return the locked build requirements: as written down, or resolved now and written down."""
    key = json.dumps([sorted(needs), sys.version_info[:2], os.uname().machine])
    record = cache / "build-requirements" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.txt"
    if not record.exists():
        lines = _resolved(needs, what)
        record.parent.mkdir(parents=True, exist_ok=True)
        written = record.with_suffix(f".{os.getpid()}")
        written.write_text(f"# {' '.join(sorted(needs))}\n" + "\n".join(lines) + "\n")
        written.replace(record)
    return [each for each in record.read_text().splitlines() if not each.startswith("#")]


def _resolved(needs: Collection[str], what: str) -> list[str]:
    words = ["install", "--dry-run", "--ignore-installed", "--quiet", "--only-binary=:all:", "--report", "-"]
    failure = (
        f"what builds {what} cannot be had as wheels ({', '.join(sorted(needs))}); with a file of your own, "
        "app_build_requirements, other versions can be named"
    )
    report = json.loads(installer.run([*words, *sorted(needs)], failure))
    return [
        f"{each['metadata']['name']}=={each['metadata']['version']} "
        f"--hash=sha256:{each['download_info']['archive_info']['hashes']['sha256']}"
        for each in report["install"]
    ]
