"""From requirements files to what one target gets: one pin for each project, with its hashes.

The application's pins win over the runtime's within the range that the runtime is tested with: the range stands in
the file of the same name that ends in .in (requirements/runtime.in beside requirements/runtime.txt).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundle.errors import BundleError
from bundle.reading import Pin, Read, logical_lines, read, text_of
from bundle.target_python import TargetPython


@dataclass
class Wanted:
    """The packages of one bundle that come from an index or a URL."""

    pins: dict[str, Pin] = field(default_factory=dict)  # by canonical name
    index: list[str] = field(default_factory=list)
    no_binary: set[str] = field(default_factory=set)
    projects: list[tuple[Path, Path]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the lines of a requirements file, sorted, without markers."""
        return [line(self.pins[name]) for name in sorted(self.pins)]


def line(pin: Pin) -> str:
    """Write a pin as pip reads it, without its marker and extras: every package stands in the file on its own."""
    what = (
        f"{canonicalize_name(pin.requirement.name)} @ {pin.requirement.url}"
        if pin.requirement.url
        else _version(pin)
    )
    return " ".join([what, *(f"--hash={value}" for value in pin.hashes)])


def wanted(base: Iterable[Path], application: Iterable[Path], target: TargetPython) -> Wanted:
    """Merge the runtime's own files (`base`) and the application's for one target.

    Raises BundleError for two pins of one project that cannot both hold, naming both files.
    """
    mine, runtime = Read(), Read()
    for path in base:
        read(path, runtime)
    for path in application:
        read(path, mine)
    pins = merged(mine.pins, target)
    _check_constraints(mine.constraints, pins, target)
    for name, pin in merged(runtime.pins, target).items():
        chosen = pins.setdefault(name, pin)
        if chosen is not pin and _version(chosen) != _version(pin):
            _check_range(chosen, pin)
    return Wanted(
        dict(sorted(pins.items())),
        mine.index,
        {name if name.startswith(":") else canonicalize_name(name) for name in mine.no_binary},
        mine.projects,
    )


def merged(pins: Iterable[Pin], target: TargetPython) -> dict[str, Pin]:
    """Return the pins that hold on a target, by canonical name. Raises BundleError for two versions of one project."""
    kept: dict[str, Pin] = {}
    for pin in pins:
        marker = pin.requirement.marker
        if marker is not None and not marker.evaluate(target.environment):
            continue
        name = canonicalize_name(pin.requirement.name)
        other = kept.get(name)
        if other is None:
            kept[name] = pin
            continue
        if _version(other) != _version(pin):
            raise BundleError(
                f"{pin.file}: {_version(pin)} contradicts {_version(other)} of {other.file}; pin one version of {name}"
            )
        kept[name] = Pin(other.file, other.requirement, tuple(sorted({*other.hashes, *pin.hashes})))
    return kept


def holds(requirement: Requirement, extras: Iterable[str], environment: dict[str, str]) -> bool:
    """Tell whether a package asks for this in an environment, with any of these extras of the package; "": without one."""
    marker = requirement.marker
    if marker is None:
        return "" in extras
    return any(marker.evaluate({**environment, "extra": extra}) for extra in extras)


def _version(pin: Pin) -> str:
    """Return `name==version` (or the URL), comparable."""
    requirement = pin.requirement
    return requirement.url or f"{canonicalize_name(requirement.name)}{requirement.specifier}"


def _check_range(chosen: Pin, own: Pin) -> None:
    """Refuse an application's version of a runtime package that the runtime is not tested with."""
    name = canonicalize_name(own.requirement.name)
    tested = ranges(own.file.with_suffix(".in")).get(name)
    if chosen.requirement.url is not None or tested is None:
        raise BundleError(
            f"{chosen.file}: {_version(chosen)} contradicts {_version(own)}, which every worker needs ({own.file}): "
            f"pin {_version(own)}"
        )
    if not tested.specifier.contains(chosen.version, prereleases=True):
        raise BundleError(
            f"{chosen.file}: {_version(chosen)} is outside of what the workers are tested with, {name}{tested.specifier} "
            f"({own.file.with_suffix('.in')}): pin a version within, for example {_version(own)}"
        )


def ranges(path: Path) -> dict[str, Requirement]:
    """Read which versions of a package the runtime is tested with, by canonical name."""
    if not path.exists():
        return {}
    requirements = [Requirement(each) for each in logical_lines(text_of(path)) if not each.startswith("-")]
    return {canonicalize_name(each.name): each for each in requirements}


def _check_constraints(
    constraints: Iterable[tuple[Path, Requirement]], pins: dict[str, Pin], target: TargetPython
) -> None:
    for path, constraint in constraints:
        pin = pins.get(canonicalize_name(constraint.name))
        if (
            pin is None
            or pin.requirement.url
            or (constraint.marker and not constraint.marker.evaluate(target.environment))
        ):
            continue
        if not constraint.specifier.contains(pin.version, prereleases=True):
            raise BundleError(
                f"{pin.file}: {_version(pin)} contradicts {constraint.name}{constraint.specifier} of {path}; "
                "compile the file again"
            )
