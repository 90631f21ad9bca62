"""Build a project into a wheel with its own backend, in an environment that holds exactly what a lock names by hash.

`locks` says which lock that is. A project that asks for hatchling alone, and has no lock of its own, is built by the
controller's, which requirements/controller.txt locks.

A backend is code of others that runs as the deployer. It finds a home folder of its own, pip without an index, and of
the deployer's environment the variables of KEPT alone: no token, no key, no agent. It is no sandbox: files and network
of the deployer are within its reach (docs/security.md).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import venv
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyproject_hooks
from build import BuildBackendException, BuildException, ProjectBuilder, check_dependency
from packaging.requirements import InvalidRequirement, Requirement

from bundle import installer
from bundle.errors import BundleError
from bundle.locks import SHIPPED, Lock, lock_for, packages

CONTROLLER_HAS = {"hatchling"}
# What a build finds of the deployer's environment: programs, language, compilers, and a version that he gives by hand.
KEPT = """
    PATH LANG LC_ALL LC_CTYPE TZ TMPDIR CC CXX CPP LD AR CFLAGS CPPFLAGS CXXFLAGS LDFLAGS PKG_CONFIG_PATH ARCHFLAGS
    CARGO_HOME RUSTUP_HOME RUSTFLAGS PBR_VERSION
""".split()  # noqa: SIM905 - a table
KEPT_BEGIN = ("SETUPTOOLS_SCM_PRETEND_VERSION", "HATCH_BUILD_")


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a build, whose home folder is `home`: pip and uv in it reach no index."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_BEGIN)}
    closed = {
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INPUT": "1",
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
    }
    return {**kept, **closed, "HOME": str(home), "SOURCE_DATE_EPOCH": installer.SOURCE_DATE_EPOCH}


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
    """Where wheels are built: the cache's folder, and the inventory's own files with build requirements, if any."""

    cache: Path
    locked: tuple[Path, ...] = ()


@dataclass
class Build:
    """One build: its folder, the lock that holds for it, what else its environment has, and what its backend has said."""

    place: Path
    lock: Lock
    cache: Path
    what: str
    extra: Mapping[str, str]
    said: list[str] = field(default_factory=list)

    def run(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run a step of the backend (build's protocol `SubprocessRunner`)."""
        home = self.place / "home"
        home.mkdir(exist_ok=True)
        done = subprocess.run(
            cmd,
            cwd=cwd,
            env={**environment(home), **(extra_environ or {}), **self.extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        self.said.append(done.stdout)
        done.check_returncode()

    def builder(self, project: Path) -> ProjectBuilder:
        """Return what calls the backend, in an environment that holds all that it asks for. Raises BundleError."""
        own = ProjectBuilder(project, runner=self.run)
        needs = own.build_system_requires
        # A backend may ask for more than pyproject.toml says (PEP 517, get_requires_for_build_wheel).
        if (
            _controller_has(needs)
            and self.lock.files == (SHIPPED,)
            and not own.get_requires_for_build("wheel")
        ):
            return own
        isolated = self._isolated(project, needs)
        if more := isolated.get_requires_for_build("wheel") - needs:
            self._fill({*needs, *more})
        return isolated

    def asked_for(self, project: Path) -> set[str]:
        """Return what pyproject.toml and the backend ask for; the lock must hold the former. Raises BundleError."""
        needs = ProjectBuilder(project, runner=self.run).build_system_requires
        return {*needs, *self._isolated(project, needs).get_requires_for_build("wheel")}

    @property
    def _environment(self) -> Path:
        return self.place / "environment"

    def _isolated(self, project: Path, needs: Collection[str]) -> ProjectBuilder:
        venv.EnvBuilder(symlinks=True, with_pip=False).create(self._environment)
        self._fill(needs)
        scripts = self._environment / "bin"
        return ProjectBuilder.from_isolated_env(
            Environment(scripts / "python", scripts), project, runner=self.run
        )

    def _fill(self, needs: Collection[str]) -> None:
        """Install the build requirements into the environment, each by its hash."""
        lines = packages(needs, self.lock, self.cache, self.what)
        if not lines:
            return
        listing = self._environment / "build-requirements.txt"
        listing.write_text("\n".join(lines) + "\n")
        words = [
            "--python",
            str(self._environment / "bin" / "python"),
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
        ]
        installer.run(
            [*words, "--require-hashes", "--only-binary=:all:", "--requirement", str(listing)],
            f"what builds {self.what} cannot be installed ({', '.join(sorted(needs))})",
        )


def build_wheel(  # noqa: PLR0913, PLR0917 - what a build is made of
    project: Path,
    folder: Path,
    workshop: Workshop,
    what: str,
    extra: Mapping[str, str] | None = None,
    source: Path | None = None,
) -> Path:
    """Build the project, in a folder of ours, into a wheel, and return the wheel's path.

    `what` names the project in messages, `extra` is more of an environment, `source` the folder that may have a lock.
    Raises BundleError with the end of what the backend has said.
    """
    with begun(workshop, source, what, extra) as build:
        return Path(build.builder(project).build("wheel", folder))


@contextmanager
def begun(
    workshop: Workshop, source: Path | None, what: str, extra: Mapping[str, str] | None = None
) -> Iterator[Build]:
    """Give a place to build in; a failure of the backend becomes a BundleError that says its last line."""
    lock = lock_for(workshop.locked, source)
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a backend's own, which build repeats
        build = Build(Path(place), lock, workshop.cache, what, extra or {})
        try:
            yield build
        except (
            BuildBackendException,
            subprocess.CalledProcessError,
            pyproject_hooks.BackendUnavailable,
        ) as error:
            reason, where = (
                _told("".join(build.said), workshop.cache) if any(build.said) else (str(error), "")
            )
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
