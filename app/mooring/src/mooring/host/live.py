"""The state file of an instance, `live.json`: which generation and release are live, and the release before.

It is written by the commands of this package alone, between gate and drain, so what it names has proved itself. It is
lost or wrong when a careless hand was at it: then the processes are asked (`mooring.host.state`). `release.json`
tells what went into a release. Both are checked when they are read. Standard library alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mooring.host import files, integrity
from mooring.host.files import WrongFileError
from mooring.host.instance import COLOURS, NAME


@dataclass(frozen=True)
class Live:
    """What is live: a generation's colour, its release, the release before it ("": none).

    `built` tells one build of the release from the next, `program` is the digest of the colour's program file: both as
    they were at the gate, "" when that is not known.
    """

    colour: str = ""
    release: str = ""
    previous: str = ""
    built: str = ""
    program: str = ""

    @property
    def idle(self) -> str:
        """The colour that the next release gets."""
        return COLOURS[1] if self.colour == COLOURS[0] else COLOURS[0]


NOTHING = Live()


def path_of(home: Path) -> Path:
    """Return the path of the state file."""
    return home / "live.json"


def read(home: Path) -> Live:
    """Read and check the state file. WrongFileError, also when there is none."""
    path = path_of(home)
    found = files.read_object(path)
    for key in ("colour", "release"):
        if not isinstance(found.get(key), str):
            raise WrongFileError(f"{path} has no {key}")
    if found["colour"] not in COLOURS:
        raise WrongFileError(
            f"{path} has the colour {found['colour']!r:.40}: it is one of {', '.join(COLOURS)}"
        )
    if not NAME.fullmatch(found["release"]):
        raise WrongFileError(f"{path} has the release {found['release']!r:.40}, which cannot be one's name")
    previous, built, program = (found.get(key, "") for key in ("previous", "built", "program"))
    if not isinstance(previous, str) or (previous and not NAME.fullmatch(previous)):
        raise WrongFileError(f"{path} has the previous release {previous!r:.40}, which cannot be one's name")
    for key, value in (("built", built), ("program", program)):
        if not isinstance(value, str):
            raise WrongFileError(f"{path} has as {key} {value!r:.40}, not a text")
    return Live(found["colour"], found["release"], previous, built, program)


def write(home: Path, live: Live) -> None:
    """Write the state file in one step. OSError."""
    files.write(path_of(home), (json.dumps(asdict(live), indent=4) + "\n").encode())


def manifest(home: Path, release: str) -> dict[str, Any]:
    """Read and check what went into a release. WrongFileError."""
    path = home / "releases" / release / "release.json"
    found = files.read_object(path)
    for key, kind, what in (("instance", str, "a name"), ("workers", int, "a number")):
        value = found.get(key)
        if not isinstance(value, kind) or isinstance(value, bool) or not value or str(value).startswith("-"):
            raise WrongFileError(f"{path} has as {key} {value!r:.40}, not {what}")
    return found


def built(home: Path, release: str) -> str:
    """Return what tells this build of the release from an earlier one; "" when it is not complete.

    Its release.json and the manifest of its virtualenv are written last, and neither is written again in place.
    """
    folder = home / "releases" / release
    release_json = _changed(folder / "release.json")
    return f"{release_json}-{_changed(folder / 'venv' / integrity.MANIFEST)}" if release_json else ""


def _changed(path: Path) -> str:
    try:
        return str(path.stat().st_mtime_ns)
    except OSError:
        return ""
