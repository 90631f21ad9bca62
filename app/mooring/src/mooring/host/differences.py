"""What a command changes in files, as `--diff` shows it: unified differences of release.json and of program files.

Secrets stand in neither: a release has them in a file of their own, which is not read here.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from mooring import texts
from mooring.host import files
from mooring.host.files import WrongFileError
from mooring.host.instance import Instance
from mooring.host.place import own_files

SHOWN = ("release.json", "*.conf", "companions/*.conf")
"""What of a release is compared: patterns below its folder."""


def of_releases(instance: Instance, before: str, after: str) -> str:
    """Return how one release differs from another ("": none); "" when nothing does. HostError for what is no release's name."""
    folders = [instance.release(name) if name else None for name in (before, after)]
    names = {
        str(path.relative_to(folder))
        for folder in folders
        if folder
        for one in SHOWN
        for path in folder.glob(one)
    }
    return "".join(
        _difference(*(folder / name if folder else None for folder in folders)) for name in sorted(names)
    )


def of_program_files(instance: Instance, release: str, colour: str) -> str:
    """Return how the program files that supervisord reads differ from the release's own; "" when none does."""
    return "".join(
        _difference(instance.program_file(group), source)
        for group, source in sorted(own_files(instance, release, colour).items())
    )


def _difference(before: Path | None, after: Path | None) -> str:
    """Return the unified difference of two files, each of which may be missing."""
    lines = difflib.unified_diff(_lines(before), _lines(after), _name(before), _name(after))
    return "".join(f"{texts.plain(line.rstrip(os.linesep), chr(9))}\n" for line in lines)


def _name(path: Path | None) -> str:
    return str(path) if path and os.path.lexists(path) else "/dev/null"


def _lines(path: Path | None) -> list[str]:
    if path is None or not os.path.lexists(path):
        return []
    try:
        return files.read(path).decode("utf-8", "replace").splitlines(keepends=True)
    except WrongFileError as error:
        return [f"({error})\n"]
