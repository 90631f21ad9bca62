"""The releases of an instance: list them, prune what no rollback needs, take back what a proof has built.

    python -m mooring.releases list --home /var/lib/mooring/instances/multicloud
    python -m mooring.releases prune --home … --keep 5
    python -m mooring.releases restore --home … --previous 0123456789ab --known 0123456789ab 456789abcdef

A release that is live, or was live before (`live.json` names both), is never pruned.
Prints JSON; exit status 1 with a sentence on stderr when the folder is no instance's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from mooring import integrity


class NoInstanceError(Exception):
    """The folder is no instance's home; the message says what is missing."""


def live(home: Path) -> dict[str, str]:
    """Read live.json: the live colour and release, and the release before it. NoInstanceError without one."""
    try:
        return dict(json.loads((home / "live.json").read_text()))
    except FileNotFoundError:
        raise NoInstanceError(
            f"{home} has no live.json: nothing has been deployed there, or it is not an instance's folder"
        ) from None


def releases(home: Path) -> list[dict[str, Any]]:
    """List the complete releases, the newest first, each with what went into it and what it is now."""
    state = live(home)
    found = []
    for manifest in (home / "releases").glob("*/release.json"):
        release = manifest.parent.name
        role = {state["release"]: "live", state["previous"]: "previous"}.get(release, "")
        if role or integrity.is_complete(manifest.parent):
            built = manifest.stat().st_mtime
            found.append(
                {"release": release, "role": role, "built": built, **json.loads(manifest.read_text())}
            )
    return sorted(found, key=lambda each: each["built"], reverse=True)


def prune(home: Path, keep: int) -> list[str]:
    """Remove the oldest releases until `keep` are left, and virtualenvs that no release points to.

    Returns the paths that were removed, relative to `home`. A half-built release (no release.json) is removed as well.
    """
    known = releases(home)
    protected = [each["release"] for each in known if each["role"]]
    others = [each["release"] for each in known if not each["role"]]
    return _remove_all_but(home, {*protected, *others[: max(0, keep - len(protected))]})


def restore(home: Path, previous: str, known: set[str]) -> list[str]:
    """Name the release before the live one ("": none), and remove those that are not known; see `prune`.

    To be called under the instance's lock. The live release stays in any case.
    """
    state = {**live(home), "previous": previous}
    draft = home / "live.json.partial"
    draft.write_text(json.dumps(state, indent=4) + "\n")
    draft.chmod(0o644)
    draft.rename(home / "live.json")
    return _remove_all_but(home, {*known, state["release"], previous})


def _remove_all_but(home: Path, kept: set[str]) -> list[str]:
    doomed = [path for path in (home / "releases").iterdir() if path.name not in kept]
    used = {os.path.realpath(home / "releases" / release / "venv") for release in kept}
    doomed += [path for path in (home / "venvs").iterdir() if os.path.realpath(path) not in used]
    for path in doomed:
        integrity.remove_tree(path)
    return sorted(str(path.relative_to(home)) for path in doomed)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["list", "prune", "restore"])
    parser.add_argument("--home", required=True, type=Path, help="the instance's folder")
    parser.add_argument("--keep", type=int, default=5, help="releases that stay, the live one included")
    parser.add_argument("--previous", default="", help="the release before the live one")
    parser.add_argument("--known", nargs="*", default=[], help="releases that stay")
    options = parser.parse_args(arguments)
    try:
        answer: Any
        if options.command == "list":
            answer = releases(options.home)
        elif options.command == "prune":
            answer = {"removed": prune(options.home, options.keep)}
        else:
            answer = {"removed": restore(options.home, options.previous, set(options.known))}
    except NoInstanceError as error:
        sys.stderr.write(f"mooring.releases: {error}\n")
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
