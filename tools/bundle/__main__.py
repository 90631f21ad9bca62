"""The command line: make a bundle, or find it made.

The inputs are looked at first, within a second. The bundle's id is the hash of what it installs (the contents of the
sources' wheels, the requirements, Python, platform): the same inputs give the same id, and an existing bundle is not
built again. Prints one JSON object: `{"id": …, "path": …, "built": bool}`. Exit 1 with one sentence on stderr when
something cannot be built.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shlex
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from bundle import installer, sdists, sources
from bundle.backends import Workshop, given
from bundle.errors import BundleError
from bundle.listing import keep
from bundle.reading import Pin
from bundle.requirements import Wanted, line, wanted
from bundle.sources import Wheel
from bundle.target import Target

# pip's words for a package without a wheel for the target, or whose wheel has another hash than the source archive.
NO_WHEEL = re.compile(
    r"No matching distribution found for ([\w.-]+)|^ {4}([\w.-]+)\S* from \S+.*:$", re.MULTILINE
)


def build(options: argparse.Namespace) -> dict[str, object]:
    """Build the bundle that the command line describes, or find it built."""
    target = Target(options.python_version, options.machine, options.glibc)
    workshop = Workshop(options.cache, tuple(options.build_requirements))
    sources.describe(options.source)
    packages = wanted(options.requirements, options.app_requirements, target)
    given(workshop.locked)
    check_named(options.source, packages)
    wheels = [sources.wheel_of(path, target, workshop) for path in options.source]
    drop_named_twice(wheels, packages)
    inputs = {
        "requirements": packages.lines(),
        "no_binary": sorted(packages.no_binary),
        "python": target.python,
        "platforms": target.platforms,
        "sources": [wheel.contents for wheel in wheels],
        "only_packed": sorted(only_packed := brought(packages, options.requirements)),
    }
    identity = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]
    path = options.cache / f"{identity}.tar"
    built = not path.exists()
    if built:
        pack(path, wheels, packages, target, workshop, only_packed)
    return {"id": identity, "path": str(path.resolve()), "built": built}


def brought(packages: Wanted, own: Sequence[Path]) -> set[str]:
    """Return what is packed to install the others and is not installed itself: pip, unless the application names it.

    It runs from its wheel. Installed, it would be most of the files of a small virtualenv, compiled at each first deploy.
    """
    return {name for name in ("pip",) if name in packages.pins and packages.pins[name].file in own}


def check_named(given: Sequence[Path], packages: Wanted) -> None:
    """Check that what a requirements file names by its path (`-e .`) is one of the sources. Raises BundleError."""
    known = {path.resolve() for path in given}
    for file, project in packages.projects:
        if project in known:
            continue
        if not project.exists():
            raise BundleError(f"{file} names {project}, which does not exist; take the line out")
        raise BundleError(
            f"{file} names the source {project}: put it into app_source, and take the line out "
            "(`uv export --no-emit-project`)"
        )


def drop_named_twice(wheels: Sequence[Wheel], packages: Wanted) -> None:
    """Let a source win over the same version of it in the requirements. Raises BundleError for another version."""
    seen: dict[str, Wheel] = {}
    for wheel in wheels:
        name, version = parse_wheel_filename(wheel.path.name)[:2]
        if name in seen:
            raise BundleError(
                f"app_source has {name} twice: {seen[name].path.name} and {wheel.path.name}; name one"
            )
        seen[name] = wheel
        pin = packages.pins.pop(name, None)
        if (
            pin is not None
            and not pin.requirement.url
            and not pin.requirement.specifier.contains(version, prereleases=True)
        ):
            raise BundleError(
                f"app_source has {name} {version}, and {pin.file} pins {line(pin).split()[0]}: name it in one of them"
            )


def pack(  # noqa: PLR0913, PLR0917 - what a bundle is made of
    path: Path,
    wheels: Sequence[Wheel],
    packages: Wanted,
    target: Target,
    workshop: Workshop,
    only_packed: set[str],
) -> None:
    """Pack the packages and the sources' wheels; the file appears complete or not at all.

    Its requirements.txt names those that are to be installed: all but `only_packed`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fetched = fetch(packages, target, workshop)
    installed = [wheel for wheel in [*fetched, *wheels] if wheel.name not in only_packed]
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        listing = Path(place, "requirements.txt")
        listing.write_text("\n".join(wheel.line for wheel in installed) + "\n")
        packed = Path(place, path.name)
        with tarfile.open(packed, "w") as archive:
            for each in sorted([listing, *(wheel.path for wheel in [*fetched, *wheels])]):
                archive.add(each, arcname=each.name)
        packed.replace(path)


def fetch(packages: Wanted, target: Target, workshop: Workshop) -> list[Wheel]:
    """Return a wheel of each package: kept from before, downloaded, or built from its source archive."""
    inputs = [packages.lines(), sorted(packages.no_binary), target.python, target.platforms]
    key = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]
    kept = workshop.cache / "packages" / key
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as place:
            folder = Path(place, "wheels")
            folder.mkdir()
            _fetch(folder, packages, target, workshop)
            keep(folder, kept)
    return [Wheel(wheel, "") for wheel in sorted(kept.iterdir())]


def _fetch(folder: Path, packages: Wanted, target: Target, workshop: Workshop) -> None:
    sources_alone = {name for name, pin in packages.pins.items() if _is_source(name, pin, packages.no_binary)}
    while True:
        as_wheels = [pin for name, pin in packages.pins.items() if name not in sources_alone]
        try:
            download(folder, as_wheels, packages.index, target)
            break
        except installer.InstallerError as error:
            lacking = {
                canonicalize_name(found[1] or found[2]) for found in NO_WHEEL.finditer(error.said)
            } & set(packages.pins)
            if not lacking - sources_alone:
                raise
            sources_alone |= lacking  # pip names the first; the others come with the next try
    for name in sorted(sources_alone):
        wheel = sdists.wheel_of(packages.pins[name], packages.index, target, workshop)
        shutil.copyfile(wheel, folder / wheel.name)


def _is_source(name: str, pin: Pin, no_binary: set[str]) -> bool:
    url = (pin.requirement.url or "").partition("#")[0]
    return name in no_binary or ":all:" in no_binary or (bool(url) and not url.endswith(".whl"))


def download(folder: Path, pins: Sequence[Pin], index: Sequence[str], target: Target) -> None:
    """Download the wheels of some packages, each by its hash. Raises BundleError."""
    if not pins:
        return
    listing = folder.parent / "requirements.txt"
    # The index options stand in the file: a URL may hold a password, or a variable that pip fills in (${TOKEN}).
    listing.write_text("\n".join([shlex.join(index), *(line(pin) for pin in pins)]) + "\n")
    words = ["download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    words += ["--python-version", target.python, "--implementation", "cp", "--dest", str(folder)]
    words += [word for tag in [*target.platforms, "any"] for word in ("--platform", tag)]
    failure = f"the locked packages cannot be had as wheels ({target.words})"
    installer.run([*words, "--requirement", str(listing)], failure)


def a_path(text: str) -> Path:
    """Read a path; ~ is the home of who deploys."""
    return Path(text).expanduser()


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bundle", description=__doc__.splitlines()[0])
    for option, words in (
        ("source", "a Python project's folder, a tree, or a wheel"),
        ("requirements", "a requirements file with hashes that every bundle of the kind has"),
        ("app-requirements", "one of the application, whose pins win within the tested range"),
        ("build-requirements", "one with what builds the sources, in place of what the cache has recorded"),
    ):
        parser.add_argument(f"--{option}", action="append", default=[], type=a_path, help=words)
    parser.add_argument("--python-version", required=True, help="the target's, as 3.11.2")
    parser.add_argument("--machine", required=True, help="the target's, as x86_64")
    parser.add_argument("--glibc", required=True, help="the target's, as 2.36")
    parser.add_argument("--cache", required=True, type=Path, help="the folder that keeps the bundles")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    options = parse(arguments)
    try:
        answer = build(options)
    except BundleError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror} (the bundles are kept in {options.cache})\n")
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
