"""What builds a project: packages that a lock names by hash, and nothing else.

A build backend is code that runs as the deployer, so nobody may choose it at the moment of the build. The lock is one of

1. the files that the inventory names by app_build_requirements;
2. `mooring-build.txt` beside the project's pyproject.toml, which `make lock-build` writes (`write_lock`);
3. Mooring's own, requirements/build.txt, which serves projects that ask for the common backends alone.

What a project asks for is looked up in the lock, and what those packages ask for in turn. pip resolves nothing here: it
downloads and installs the files that were found, each by its hash. A requirement by URL is refused, wherever it stands.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bundle import installer, wheels
from bundle.errors import BundleError
from bundle.listing import keep
from bundle.reading import Pin, Read, read, text_of
from bundle.requirements import holds, line, merged
from bundle.target_python import TargetPython, glibc_here

NAME = "mooring-build.txt"
SHIPPED = Path(__file__).parents[2] / "requirements" / "build.txt"
COMMAND = "make lock-build"
ELSEWHERE = "or name a wheel that is built elsewhere in app_source"


def here() -> TargetPython:
    """Return the controller as a target: what builds runs here."""
    return TargetPython(platform.python_version(), os.uname().machine, glibc_here())


@dataclass(frozen=True)
class Lock:
    """The files that lock what builds one project; `source`: its folder, None for a package's source archive."""

    files: tuple[Path, ...]
    source: Path | None

    @property
    def texts(self) -> list[str]:
        """Return what the files say, to be hashed."""
        return [text_of(path) for path in self.files]

    def read(self) -> tuple[dict[str, Pin], list[str]]:
        """Read the pins for the controller's Python, by canonical name, and the index options. Raises BundleError."""
        found = Read(variable="app_build_requirements")
        for path in self.files:
            read(path, found)
        for path, project in found.projects:
            raise BundleError(f"{path} names the source {project}, which has no hash: take the line out")
        return merged(found.pins, here()), found.index

    def lacks(self, needs: Collection[str], what: str, lacking: str) -> BundleError:
        """Say that the lock has not what a build needs, and the way out."""
        if self.files == (SHIPPED,):
            return BundleError(
                f"{what}: no hash locks what builds it: {lacking} (Mooring's own set: {SHIPPED}); {self._way_out(needs)}"
            )
        if self.source is not None and self.files == (self.source / NAME,):
            return BundleError(
                f"{what}: {self.files[0]} does not lock what builds it: {lacking}; {self._way_out(needs)}"
            )
        named = ", ".join(map(str, self.files))
        return BundleError(f"app_build_requirements ({named}) has not all that builds {what}: {lacking}")

    def _way_out(self, needs: Collection[str]) -> str:
        if self.source is not None:
            command = f"{COMMAND} ARGS={shlex.quote(str(self.source))}"
            return f"write {self.source / NAME} by `{command}`, read it and keep it with the project, {ELSEWHERE}"
        words = " ".join(f"--requires '{each}'" for each in sorted(needs))
        return f'write a lock by `{COMMAND} ARGS="{words} --output FILE"`, name FILE by app_build_requirements, {ELSEWHERE}'


def lock_for(given: tuple[Path, ...], source: Path | None) -> Lock:
    """Choose the lock of a project: the inventory's, its own, or Mooring's."""
    if given:
        return Lock(given, source)
    if source is not None and os.path.lexists(source / NAME):
        return Lock((source / NAME,), source)
    return Lock((SHIPPED,), source)


def packages(needs: Collection[str], lock: Lock, cache: Path, what: str) -> list[str]:
    """Return lines for pip with a file and its hashes for each package that `needs` ask for, in turn too.

    What is not in the cache is downloaded. Raises BundleError for what the lock lacks, before anything is downloaded for it.
    """
    pins, index = lock.read()
    environment = here().environment
    found: dict[str, tuple[Pin, Path]] = {}
    looked: set[tuple[str, str]] = set()
    ahead = [each for each in map(_requirement, needs) if holds(each, {""}, environment)]
    while ahead:
        level = {}
        for each in ahead:
            name = canonicalize_name(each.name)
            pin = pins.get(name)
            if each.url is not None:
                raise lock.lacks(needs, what, f"{name} is asked for by a URL, which no lock holds")
            if pin is None:
                raise lock.lacks(needs, what, f"{name}{each.specifier} is not in it")
            if pin.requirement.url is None and not each.specifier.contains(pin.version, prereleases=True):
                raise lock.lacks(
                    needs, what, f"{name}{each.specifier} is asked for, and it has {name} {pin.version}"
                )
            level[name] = pin
        found |= _had({name: pin for name, pin in level.items() if name not in found}, index, cache, what)
        ahead = list(_asked_by(ahead, found, looked, environment))
    return [
        " ".join([f"{name} @ {wheel.as_uri()}", *(f"--hash={value}" for value in pin.hashes)])
        for name, (pin, wheel) in sorted(found.items())
    ]


def _asked_by(
    requirements: Iterable[Requirement],
    found: dict[str, tuple[Pin, Path]],
    looked: set[tuple[str, str]],
    environment: dict[str, str],
) -> Iterable[Requirement]:
    """Return what packages ask for in turn, once for each package and extra."""
    for each in requirements:
        name = canonicalize_name(each.name)
        extras = {extra for extra in {"", *each.extras} if (name, extra) not in looked}
        looked |= {(name, extra) for extra in extras}
        wheel = found[name][1]
        for text in wheels.metadata(wheel, str(wheel)).get_all("Requires-Dist", []):
            asked = _requirement(text)
            if holds(asked, extras, environment):
                yield asked


def _had(pins: dict[str, Pin], index: list[str], cache: Path, what: str) -> dict[str, tuple[Pin, Path]]:
    """Return the wheels of some pins: kept from before, or downloaded, each by its hash."""
    places = {name: cache / "build-packages" / _key(pin) for name, pin in pins.items()}
    absent = [name for name, place in places.items() if not place.is_dir()]
    if absent:
        (cache / "build-packages").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache / "build-packages") as folder:
            failure = f"what builds {what} cannot be had as wheels ({', '.join(absent)})"
            installer.download(Path(folder), [line(pins[name]) for name in absent], index, [], failure)
            for wheel in Path(folder).glob("*.whl"):
                name = canonicalize_name(wheel.name.partition("-")[0])
                own = Path(folder, name)
                own.mkdir()
                keep(wheel.rename(own / wheel.name).parent, places[name])
    return {name: (pins[name], next(place.glob("*.whl"))) for name, place in places.items()}


def _key(pin: Pin) -> str:
    here_too = f"{line(pin)} {platform.python_version_tuple()[:2]} {os.uname().machine} {glibc_here()}"
    return hashlib.sha256(here_too.encode()).hexdigest()[:16]


def _requirement(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise BundleError(f"{text!r}, which a build asks for, is no requirement: {error}") from error
