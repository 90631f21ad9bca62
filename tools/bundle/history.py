"""Builds that ask git for the version (setuptools-scm, hatch-vcs and their like): they see the checkout's history.

The clean copy has no repository of its own. It points to the one of the source, with a copy of the index, so that
nothing in the source's folder is written.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import tomllib

from bundle import listing
from bundle.errors import BundleError

# Build requirements that make a version from git's tags and commits.
VERSION_FROM_GIT = ("scm", "vcs", "versioneer", "dunamai", "dynamic-versioning", "pbr", "git")


def pyproject(source: Path) -> dict[str, Any]:
    """Read a project's pyproject.toml ({} without one). Raises BundleError for one that is no TOML."""
    path = source / "pyproject.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is no TOML: {error}") from error


def version(source: Path) -> str:
    """Return what a version from git depends on ("" where the build does not ask)."""
    return (git(source, "describe", "--tags", "--long", "--always") or "") if needed(source) else ""


def needed(source: Path) -> bool:
    """Tell whether a project's build asks git for its version."""
    needs = " ".join(map(str, pyproject(source).get("build-system", {}).get("requires", [])))
    names = needs + (
        (source / "setup.py").read_text(errors="replace") if (source / "setup.py").is_file() else ""
    )
    return any(name in names for name in VERSION_FROM_GIT)


def git(source: Path, *words: str) -> str | None:
    """Ask git in the source's folder; None when it has no answer."""
    if shutil.which("git") is None:
        return None
    done = subprocess.run(
        [*listing.GIT, *words],
        cwd=source,
        env=listing.git_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode else done.stdout


def shown(source: Path, place: Path) -> dict[str, str]:
    """Let a build ask git for the version: the copy shows the source's history, with an index of its own."""
    found = git(source, "rev-parse", "--absolute-git-dir")
    if found is None:
        return {}
    git_dir = Path(found.rstrip("\n"))
    index = place / "index"
    (place / "copy" / ".git").write_text(f"gitdir: {git_dir}\n")
    if (git_dir / "index").is_file():
        shutil.copyfile(git_dir / "index", index)
    extra = {"GIT_INDEX_FILE": str(index), "GIT_OPTIONAL_LOCKS": "0"}
    extra["GIT_CONFIG_COUNT"] = str(len(listing.SAFE))
    for number, (name, value) in enumerate(listing.SAFE.items()):
        extra |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    # What the checkout has beside the source is not in the copy, and is no change of it.
    copied = place / "copy"
    environment = {**listing.git_environment(), **extra}
    known = subprocess.run(
        [*listing.GIT, "ls-files", "-z"], cwd=copied, env=environment, capture_output=True, check=True
    ).stdout.split(b"\0")
    absent = [name for name in known if name and not (copied / os.fsdecode(name)).exists()]
    here = source.resolve()
    top = Path((git(source, "rev-parse", "--show-toplevel") or "").rstrip("\n"))
    outside = [name for name in absent if not (top / os.fsdecode(name)).is_relative_to(here)]
    subprocess.run(
        [*listing.GIT, "update-index", "-z", "--skip-worktree", "--stdin"],
        cwd=copied,
        env=environment,
        input=b"\0".join(outside),
        check=True,
        capture_output=True,
    )
    return extra
