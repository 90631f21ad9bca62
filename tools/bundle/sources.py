"""The sources of a bundle: a wheel, a project that is built into one, or a tree that is taken as it is.

A folder is a project when it says how it is built: setup.py, or pyproject.toml with [build-system], or one that only
setuptools' defaults build ([project] with src/ or [tool.setuptools]). Everything else is a tree. A Pecan project as
`pecan create` writes it is a tree, too: its setup.py leaves out config.py and public/, which it cannot be served without.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from bundle import archives, entries, history, listing, locks, tree, wheels
from bundle.backends import Workshop, build_wheel
from bundle.errors import BundleError, nearest
from bundle.history import pyproject
from bundle.target_python import TargetPython

WHEEL, PROJECT, TREE = "wheel", "project", "tree"


@dataclass(frozen=True)
class Wheel:
    """A wheel of the bundle that comes from a source: the file, and the hash of what it installs."""

    path: Path
    contents: str

    @property
    def line(self) -> str:
        """The line for the bundle's requirements.txt."""
        name, version = parse_wheel_filename(self.path.name)[:2]
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(self.path.read_bytes()).hexdigest()}"


def kind_of(source: Path) -> str:
    """Tell what a source is. Raises BundleError, which names app_source, for what cannot be one."""
    if not source.exists():
        raise BundleError(
            f"app_source: {source} does not exist (a relative path begins at the folder of deploy.yml){nearest(source)}"
        )
    if source.is_file():
        try:
            parse_wheel_filename(source.name)
        except InvalidWheelFilename as error:
            hint = (
                "a source archive: unpack it, and name its folder"
                if ".tar" in source.name or source.suffix == ".zip"
                else ("no wheel (name-version-python-abi-platform.whl); name a project's folder or a wheel")
            )
            raise BundleError(f"app_source: {source} is {hint}") from error
        if not zipfile.is_zipfile(source):
            raise BundleError(f"app_source: {source} is a damaged wheel: build it again")
        return WHEEL
    try:
        if not any(source.iterdir()):
            raise BundleError(f"app_source: {source} is an empty folder")
    except OSError as error:
        raise BundleError(f"app_source: {source} cannot be read: {error.strerror}") from error
    return PROJECT if _is_project(source) else TREE


def _is_project(source: Path) -> bool:
    declared = pyproject(source)
    if declared.get("tool", {}).get("poetry", {}).get("package-mode") is False:
        return False
    if entries.is_pecan_config(source / "config.py") and not _ships(declared, source / "config.py"):
        return False
    if "build-system" in declared or (source / "setup.py").is_file():
        return True
    return "project" in declared and ((source / "src").is_dir() or "setuptools" in declared.get("tool", {}))


def _ships(declared: dict[str, Any], path: Path) -> bool:
    """Tell whether a project's build names a file by itself, so that it need not be taken as a tree."""
    return path.name in str(declared.get("tool", {}))


def wheel_of(source: Path, target: TargetPython, workshop: Workshop) -> Wheel:
    """Return the wheel of a source: itself, or built from a clean copy, or as it was built from the same files before.

    Raises BundleError when it cannot be built, or does not fit the target.
    """
    kind = kind_of(source)
    if kind == WHEEL:
        target.check_given(source.name)
        _check_python(source, source, target)
        return Wheel(source, hashlib.sha256(source.read_bytes()).hexdigest())
    files = listing.files(source, built=kind == PROJECT)
    if not files:
        raise BundleError(f"app_source: {source} has no file that counts: git ignores all of it")
    more = [kind, source.resolve().name] if kind == TREE else [kind, *_build_inputs(source, workshop)]
    with tempfile.TemporaryDirectory() as place:
        kept = workshop.cache / "sources" / listing.digest(files, *more)[:32]
        if not kept.is_dir():
            # What is built is the copy, and it is the copy whose hash is the name: the source may change meanwhile.
            copied = listing.copy(files, copy_of(source, Path(place)))
            kept = workshop.cache / "sources" / listing.digest(copied, *more)[:32]
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
                built = Path(folder, "built")
                built.mkdir()
                if kind == TREE:
                    tree.pack(source.resolve().name, copied, _import_root(source), built)
                else:
                    extra = history.shown(source, Path(place)) if history.needed(source) else {}
                    copy = copy_of(source, Path(place))
                    build_wheel(copy, built, workshop, f"app_source: {source}", extra, source.resolve())
                listing.keep(built, kept)
    (wheel,) = kept.glob("*.whl")
    _check_python(wheel, source, target)
    if kind == PROJECT:
        target.check_built(wheel.name, f"app_source: {source}")
    # Compiled code may differ with each build: such a wheel is known by its source.
    pure = wheel.name.endswith("-none-any.whl")
    return Wheel(wheel, _contents(wheel) if pure else kept.name)


def _check_python(wheel: Path, source: Path, target: TargetPython) -> None:
    """Refuse a wheel that does not want the target's Python: pip would, on the target."""
    wanted = wheels.metadata(wheel, f"app_source: {source}")["Requires-Python"]
    if wanted and not SpecifierSet(wanted).contains(target.python_full, prereleases=True):
        raise BundleError(
            f"app_source: {source} wants Python {wanted}, and the target's is {target.python_full}: name another by target_python"
        )


def copy_of(source: Path, place: Path) -> Path:
    """Return where the clean copy stands: as deep in `place` as the source in its checkout, for `../` in a build."""
    top = history.git(source, "rev-parse", "--show-prefix")
    return place / "copy" / (top or "").rstrip("\n") / "."


def _import_root(source: Path) -> str:
    root = entries.find(source).root
    return "" if root == source else root.name


def _contents(wheel: Path) -> str:
    """Hash what a wheel installs, without the words of the tool that has built it, and without its description."""
    with zipfile.ZipFile(wheel) as archive:
        folder = wheels.described(archive, f"app_source: {wheel}")
        record = f"{folder}/RECORD"
        left_out = {f"{folder}/{name}" for name in ("RECORD", "WHEEL", "METADATA")}
        try:
            rows = csv.reader(io.StringIO(archives.read_member(archive, record).decode()))
        except archives.ArchiveError as error:
            raise BundleError(f"app_source: {wheel} is a damaged wheel: build it again") from error
        modes = {info.filename: info.external_attr >> 16 & 0o100 for info in archive.infolist()}
        held = sorted(
            (row[0], row[1], modes.get(row[0], 0)) for row in rows if row and row[0] not in left_out
        )
    return hashlib.sha256(
        repr((wheel.name, [row for row in held if "/licenses/" not in row[0]])).encode()
    ).hexdigest()


def _build_inputs(source: Path, workshop: Workshop) -> list[str]:
    """Return what decides about a built wheel beside its files."""
    here = f"{sys.version_info[:2]} {os.uname().machine}"
    return [here, history.version(source), *locks.lock_for(workshop.locked, source.resolve()).texts]


def describe(sources: list[Path]) -> list[dict[str, str]]:
    """Check the sources without building any; what each is. Raises BundleError."""
    names: dict[str, Path] = {}
    found = []
    for source in sources:
        kind = kind_of(source)
        name = canonicalize_name(source.name.split("-")[0] if kind == WHEEL else source.resolve().name)
        if kind == TREE and name in names:
            raise BundleError(
                f"app_source: {source} and {names[name]} are trees of one name; rename a folder"
            )
        names[name] = source
        found.append({"path": str(source), "kind": kind})
    return found
