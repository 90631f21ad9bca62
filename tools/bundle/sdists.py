"""Packages that an index has as source archives alone: fetched by hash, built on the controller.

pip cannot fetch a source archive without running its build (it asks the backend for metadata, with build requirements
that nobody has locked). So its finder is asked for the file, as pip-tools does, and the backend runs by our rules
(`backends`). The finder is no public interface of pip's: requirements/installer.txt pins the pip that is used here.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from bundle import archives, installer, locks
from bundle.backends import Workshop, build_wheel
from bundle.errors import BundleError
from bundle.listing import keep
from bundle.reading import Pin
from bundle.target_python import TargetPython


def wheel_of(pin: Pin, index: Sequence[str], target: TargetPython, workshop: Workshop) -> Path:
    """Return the wheel of a package whose file by this hash is a source archive, or that no wheel fits.

    Raises BundleError: not found, not buildable, or compiled code that does not fit the target.
    """
    what = f"{pin.file}: {pin.requirement.name}"
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    key = hashlib.sha256(
        json.dumps([here, pin.hashes, locks.lock_for(workshop.locked, None).texts]).encode()
    ).hexdigest()
    kept = workshop.cache / "sdists" / f"{canonicalize_name(pin.requirement.name)}-{key[:16]}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as place:
            archive = _fetched(pin, index, Path(place))
            built = Path(place, "built")
            built.mkdir()
            project = _unpacked(archive, Path(place, "source"), what)
            build_wheel(project, built, workshop, what)
            keep(built, kept)
    (wheel,) = kept.glob("*.whl")
    target.check_built(wheel.name, what)
    return wheel


def _fetched(pin: Pin, index: Sequence[str], place: Path) -> Path:
    """Fetch the source archive by one of its hashes, in a process of its own with pip's rules."""
    order = {
        "name": pin.requirement.name,
        "specifier": str(pin.requirement.specifier),
        "url": pin.requirement.url or "",
        "hashes": list(pin.hashes),
        "options": [*index, "--dest", str(place)],
    }
    done = subprocess.run(
        [sys.executable, "-I", str(Path(__file__).with_name("fetch.py"))],
        input=json.dumps(order),  # an index URL may hold a password: not on the command line
        env=installer.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BundleError(f"{pin.file}: {pin.requirement} cannot be had: {done.stderr.strip()[-2000:]}")
    return Path(json.loads(done.stdout.splitlines()[-1]))


def _unpacked(archive: Path, folder: Path, what: str) -> Path:
    """Unpack a source archive; the one folder in it is the project."""
    folder.mkdir()
    try:
        archives.unpack(archive, folder)
        (project,) = folder.iterdir()
    except (OSError, ValueError) as error:
        raise BundleError(f"{what}: {archive.name} is no source archive of one project ({error})") from error
    if project.is_symlink() or not project.is_dir():
        raise BundleError(
            f"{what}: {archive.name} is no source archive of one project ({project.name} is no folder)"
        )
    return project
