"""The command line: make a bundle, or find it made.

The inputs are looked at first, within a second. The bundle's id is the hash of what it installs (the contents of the
sources' wheels, the requirements, Python, platform): the same inputs give the same id, and an existing bundle is not
built again. Prints one JSON object: `{"id": …, "path": …, "sha256": …, "sbom": …, "built": bool}`; `sha256` is the
file's, and `sbom` the path of its bill of materials. Exit 1 with one sentence on stderr when something cannot be built.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from bundle import cache, installer, locks, sbom, sdists, sources
from bundle.backends import Workshop
from bundle.errors import BundleError
from bundle.listing import keep
from bundle.reading import Pin
from bundle.requirements import Wanted, line, wanted
from bundle.sources import Wheel
from bundle.target_python import TargetPython
from mooring import texts
from mooring.host.unpack import INSTALLER

# pip's words for a package without a wheel for the target, or whose wheel has another hash than the source archive.
NO_WHEEL = re.compile(
    r"No matching distribution found for ([\w.-]+)|^ {4}([\w.-]+)\S* from \S+.*:$", re.MULTILINE
)


def build(options: argparse.Namespace) -> dict[str, object]:
    """Build the bundle that the command line describes, or find it built."""
    target = TargetPython(options.python_version, options.machine, options.glibc)
    workshop = Workshop(options.cache, tuple(options.build_requirements))
    sources.describe(options.source)
    packages = wanted(options.requirements, options.app_requirements, target)
    tools = installers(options.installer, packages, target)
    if workshop.locked:
        locks.lock_for(workshop.locked, None).read()
    check_named(options.source, packages)
    cache.check(options.cache)
    wheels = [sources.wheel_of(path, target, workshop) for path in options.source]
    drop_named_twice(wheels, packages)
    inputs = {
        "requirements": packages.lines(),
        "no_binary": sorted(packages.no_binary),
        "python": target.python,
        "platforms": target.platforms,
        "sources": [wheel.contents for wheel in wheels],
        "installer": tools.lines(),
    }
    identity = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]
    path = options.cache / f"{identity}.tar"
    built = not path.exists()
    if built:
        fetched, beside = (fetch(each, target, workshop) for each in (packages, tools))
        pack(path, [*fetched, *wheels], beside)
    return {
        "id": identity,
        "path": str(path.resolve()),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "sbom": str(bill_of(path, wheels, packages, target).resolve()),
        "built": built,
    }


def bill_of(path: Path, wheels: Sequence[Wheel], packages: Wanted, target: TargetPython) -> Path:
    """Write the bundle's bill of materials beside it. What it is for is the first source that is not Mooring's own."""
    names = [str(parse_wheel_filename(wheel.path.name)[0]) for wheel in wheels]
    application = next((name for name in names if name != "mooring"), "mooring" if "mooring" in names else "")
    text = sbom.bill(sbom.parts(path, packages.pins), application, target)
    # Named by the full version of Python too, which is in it: one bundle serves all patch releases.
    written = path.with_name(f"{path.stem}-{target.python_full}.{sbom.NAME}")
    if not written.exists() or written.read_text() != text:
        with tempfile.TemporaryDirectory(dir=path.parent) as place:
            Path(place, written.name).write_text(text)
            Path(place, written.name).replace(written)
    return written


def installers(files: Sequence[Path], packages: Wanted, target: TargetPython) -> Wanted:
    """Return what is packed to install the packages, and is not installed itself: pip, which runs from its wheel.

    Whoever deploys runs it on the target, root often. So nothing of the application chooses it: neither a pin, a hash
    nor a source of the same name. It comes from the same indexes as the packages.
    """
    return replace(wanted(files, [], target), index=packages.index)


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


def pack(path: Path, installed: Sequence[Wheel], installer: Sequence[Wheel]) -> None:
    """Pack the wheels that are to be installed, named by requirements.txt, and in a folder the wheels that install them.

    The file appears complete or not at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        listing = Path(place, "requirements.txt")
        listing.write_text("\n".join(wheel.line for wheel in installed) + "\n")
        packed = Path(place, path.name)
        with tarfile.open(packed, "w") as archive:
            for each in sorted([listing, *(wheel.path for wheel in installed)]):
                archive.add(each, arcname=each.name)
            for each in sorted(wheel.path for wheel in installer):
                archive.add(each, arcname=f"{INSTALLER}/{each.name}")
        packed.replace(path)


def fetch(packages: Wanted, target: TargetPython, workshop: Workshop) -> list[Wheel]:
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


def _fetch(folder: Path, packages: Wanted, target: TargetPython, workshop: Workshop) -> None:
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


def download(folder: Path, pins: Sequence[Pin], index: Sequence[str], target: TargetPython) -> None:
    """Download the wheels of some packages, each by its hash. Raises BundleError."""
    if not pins:
        return
    words = ["--python-version", target.python, "--implementation", "cp"]
    words += [word for tag in [*target.platforms, "any"] for word in ("--platform", tag)]
    failure = f"the locked packages cannot be had as wheels ({target.words})"
    installer.download(folder, [line(pin) for pin in pins], index, words, failure)


def a_path(text: str) -> Path:
    """Read a path; ~ is the home of who deploys."""
    return Path(text).expanduser()


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bundle", description=__doc__.splitlines()[0])
    for option, words in (
        ("source", "a Python project's folder, a tree, or a wheel"),
        ("requirements", "a requirements file with hashes that every bundle of the kind has"),
        ("installer", "one with the pip that installs on the target; nothing of the application changes it"),
        ("app-requirements", "one of the application, whose pins win within the tested range"),
        ("build-requirements", "one with what builds the sources, in place of their own and of Mooring's"),
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
        with cache.private_umask():
            answer = build(options)
    except BundleError as error:
        texts.write_lines(sys.stderr, error)
        return 1
    except OSError as error:
        texts.write_line(
            sys.stderr, f"{error.filename}: {error.strerror} (the bundles are kept in {options.cache})"
        )
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
