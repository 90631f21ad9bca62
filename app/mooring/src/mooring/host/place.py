"""Program files and the state file: put in place in one step, or a sentence that names the file and the way out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mooring.host import daemon, files, live
from mooring.host.errors import HostError
from mooring.host.files import WrongFileError
from mooring.host.instance import Instance
from mooring.host.live import Live


def own_files(instance: Instance, release: str, colour: str) -> dict[str, Path]:
    """Map the groups of a release in that colour to their program files in the release's folder."""
    folder = instance.release(release)
    companions = {instance.group(path.stem): path for path in sorted((folder / "companions").glob("*.conf"))}
    return {
        instance.group("bootstrap"): folder / "bootstrap.conf",
        instance.group(colour): folder / f"{colour}.conf",
        **companions,
    }


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, "" when it cannot be read."""
    try:
        return hashlib.sha256(files.read(path)).hexdigest()
    except WrongFileError:
        return ""


def put(source: Path, target: Path) -> bool:
    """Give the target the source's content; whether it had another. HostError."""
    try:
        content = files.read(source)
    except WrongFileError as error:
        raise HostError(f"{error}: the release is damaged, deploy again") from error
    try:
        if not target.is_symlink() and files.read(target) == content:
            return False
    except WrongFileError:
        pass  # it is written now
    with _writing(target):
        files.write(target, content)
    return True


def drop(path: Path) -> bool:
    """Remove a program file, whatever stands there under its name; whether it was there. HostError."""
    with _writing(path):
        return daemon.drop(path)


def drop_drafts(instance: Instance) -> None:
    """Remove what commands that were killed while they wrote a file have left beside it. HostError."""
    for path in daemon.drafts(instance.conf_dir, instance.groups):
        drop(path)
    drop(live.path_of(instance.home).with_name("live.json.partial"))


def name_live(instance: Instance, named: Live) -> None:
    """Write the state file. HostError; then the old one is as it was."""
    with _writing(live.path_of(instance.home)):
        live.write(instance.home, named)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HostError(
            f"{path} cannot be written: {error.strerror}. Make room, or give its folder back to who deploys,"
            " and run the same command again"
        ) from error
