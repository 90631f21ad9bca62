"""The releases of an instance: list them, choose one, prune what no rollback needs, take back what a proof has built.

A release that is live, or was live before (`live.json` names both), is never pruned.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from mooring import removal
from mooring.host import errors, integrity, live
from mooring.host.files import WrongFileError
from mooring.host.live import NOTHING, Live


class NoInstanceError(errors.NothingThereError):
    """The folder is no instance's home; the message says what is missing."""


class LeftError(errors.HostError):
    """Something cannot be removed; the message names it and says why."""


def known_live(home: Path) -> Live:
    """Read which releases are live and were live before. NoInstanceError when the state file cannot tell."""
    try:
        return live.read(home)
    except WrongFileError as error:
        raise NoInstanceError(
            f"{error}. Nothing has been deployed in {home}, or a deploy must write it again"
        ) from error


def releases(home: Path) -> list[dict[str, Any]]:
    """List the complete releases, the newest first, each with what went into it and what it is now.

    A release.json that is wrong is told in the place of what it should hold. NoInstanceError where there are no releases.
    """
    try:
        state = live.read(home)
    except WrongFileError as error:
        if not (home / "releases").is_dir():
            raise NoInstanceError(f"{error}: nothing has been deployed in {home}") from error
        state = NOTHING
    roles = {state.previous: "previous", state.release: "live"}
    found = [
        {
            **_manifest(
                home, manifest.parent.name
            ),  # what is found out stands last: no release.json says otherwise
            "release": manifest.parent.name,
            "role": roles.get(manifest.parent.name, ""),
            "built": manifest.lstat().st_mtime,
        }
        for manifest in (home / "releases").glob("*/release.json")
        if manifest.parent.name in roles or integrity.is_complete(manifest.parent)
    ]
    return sorted(found, key=lambda each: each["built"], reverse=True)


def _manifest(home: Path, release: str) -> dict[str, Any]:
    try:
        return live.manifest(home, release)
    except WrongFileError as error:
        return {"framework": "damaged", "workers": 0, "url": str(error)}


def prune(home: Path, keep: int) -> list[str]:
    """Remove the oldest releases until `keep` are left, and virtualenvs that no release points to.

    Returns the paths that were removed, relative to `home`. A half-built release is removed as well.
    NoInstanceError; LeftError.
    """
    return _remove_all_but(home, _kept(home, keep))


def to_prune(home: Path, keep: int) -> list[str]:
    """List what `prune` would remove. NoInstanceError."""
    return sorted(str(path.relative_to(home)) for path in _doomed(home, _kept(home, keep)))


def _kept(home: Path, keep: int) -> set[str]:
    known_live(home)
    known = releases(home)
    protected = [each["release"] for each in known if each["role"]]
    others = [each["release"] for each in known if not each["role"]]
    return {*protected, *others[: max(0, keep - len(protected))]}


def choose(home: Path, wanted: str) -> str:
    """Return the id of the wanted release, `previous` for that before the live one. NothingThereError lists what is there."""
    known = releases(home)
    key = "role" if wanted == "previous" else "release"
    found = [each["release"] for each in known if each[key] == wanted]
    if len(found) == 1:
        return str(found[0])
    here = "; ".join(
        f"{each['release']} ({each['framework']}, {each['workers']} workers{', ' + each['role'] if each['role'] else ''})"
        for each in known
    )
    lacks = (
        "no release before the live one to roll back to"
        if wanted == "previous"
        else f"no release {wanted} on this host"
    )
    raise errors.NothingThereError(
        f"There is {lacks}. Here are: {here}. Name one: -e release=ID (by hand: mooringctl rollback ID)"
    )


def restore(home: Path, previous: str, known: set[str]) -> list[str]:
    """Name the release before the live one ("": none), and remove those that are not known; see `prune`.

    To be called under the instance's lock. The live release stays in any case.
    """
    state = replace(known_live(home), previous=previous)
    live.write(home, state)
    return _remove_all_but(home, {*known, state.release, previous})


def _doomed(home: Path, kept: set[str]) -> list[Path]:
    doomed = [path for path in (home / "releases").iterdir() if path.name not in kept]
    used = {os.path.realpath(home / "releases" / release / "venv") for release in kept}
    return doomed + [path for path in (home / "venvs").iterdir() if os.path.realpath(path) not in used]


def _remove_all_but(home: Path, kept: set[str]) -> list[str]:
    doomed = _doomed(home, kept)
    for path in doomed:
        _remove(path)
    return sorted(str(path.relative_to(home)) for path in doomed)


def _remove(path: Path) -> None:
    try:
        removal.remove_tree(path)
    except OSError as error:
        raise LeftError(
            f"{path} cannot be removed: {error.strerror}. Change what keeps it there, and run the same command again"
        ) from error
