"""The files of a source that count: what git would keep, without what tools leave behind.

In a git checkout these are the tracked files and the untracked ones that git does not ignore; elsewhere the same
rule holds with the .gitignore files that the folder has. What programs make at run time or at build time is left
out unless git tracks it. Symbolic links are followed, also out of the source: a wheel cannot hold a link.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bundle.errors import BundleError

# Folders and files that tools make; those that git tracks count all the same.
LEFT_BEHIND = """
    __pycache__ .git .hg .svn .mypy_cache .ruff_cache .pytest_cache .hypothesis .tox .nox .venv venv node_modules .eggs
    *.egg-info *.py[cod] .coverage .coverage.* htmlcov .cache .DS_Store .idea .vscode .vagrant .ansible .direnv *.swp *~
    *.sqlite3 *.sqlite3-* *.log *.pid .env nohup.out
""".split()  # noqa: SIM905 - a table
# At the top of a project that is built: what earlier builds have left.
BUILD_OUTPUT = ("build", "dist")
# git as we ask it: a checkout that belongs to somebody else is read, and no hook or other program of it is run.
SAFE = {"safe.directory": "*", "core.fsmonitor": "false", "core.hooksPath": os.devnull}
GIT = [
    "git",
    *(word for name, value in SAFE.items() for word in ("-c", f"{name}={value}")),
    "-c",
    "core.quotePath=false",
]


@dataclass(frozen=True, order=True)
class Entry:
    """One file of a source: its path inside of it, and where its content stands."""

    name: str
    path: Path

    @property
    def executable(self) -> bool:
        """Tell whether the owner may run the file: the one bit of a mode that git keeps, too."""
        return bool(self.path.stat().st_mode & 0o100)


def git_environment() -> dict[str, str]:
    """Return our environment without what a calling git (a hook, for example) has put there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def files(source: Path, *, built: bool) -> list[Entry]:
    """List the files of a source folder that count, sorted by name; `built`: build/ and dist/ are a build's output.

    Raises BundleError for a submodule that has not been fetched and for what cannot be read.
    """
    try:
        found = _unique(_within(source, "", (source.resolve(),)))
    except OSError as error:
        raise BundleError(f"{error.filename or source} cannot be read: {error.strerror}") from error
    virtualenvs = [
        entry.name.removesuffix("pyvenv.cfg") for entry in found if Path(entry.name).name == "pyvenv.cfg"
    ]
    skipped = (*virtualenvs, *(f"{name}/" for name in BUILD_OUTPUT if built))
    return [entry for entry in found if not entry.name.startswith(skipped)]


def digest(entries: Iterable[Entry], *more: str) -> str:
    """Hash names, modes and contents (SHA-256, hexadecimal), and what else decides."""
    whole = hashlib.sha256("\0".join(more).encode())
    for entry in entries:
        try:
            content = hashlib.sha256(entry.path.read_bytes()).digest()
            executable = entry.executable
        except OSError as error:
            raise BundleError(f"{entry.path} cannot be read: {error.strerror}") from error
        whole.update(os.fsencode(entry.name) + (b"\0x" if executable else b"\0-") + content)
    return whole.hexdigest()


def copy(entries: Iterable[Entry], folder: Path) -> list[Entry]:
    """Copy the files into a folder; the same list, as it stands there."""
    copied = []
    for entry in entries:
        there = folder / entry.name
        there.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(entry.path, there)
            there.chmod(0o755 if entry.executable else 0o644)
        except OSError as error:
            raise BundleError(f"{entry.path} cannot be read: {error.strerror}") from error
        copied.append(Entry(entry.name, there))
    return copied


def keep(made: Path, kept: Path) -> None:
    """Put a finished folder in its place of the cache, unless another run has been faster."""
    try:
        made.rename(kept)
    except OSError:
        if not kept.is_dir():
            raise


def _unique(entries: Iterator[Entry]) -> list[Entry]:
    return sorted({entry.name: entry for entry in entries}.values())


def _within(folder: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[Entry]:
    """List one folder; submodules and links to folders are listed on their own. `above`: against links in a circle."""
    for name in _names(folder):
        path = folder / name
        if path.is_dir():
            real = path.resolve()
            if not path.is_symlink() and not any(path.iterdir()):
                if _is_submodule(folder, name):
                    raise BundleError(f"the submodule {path} is empty: run git submodule update --init first")
            elif real not in above and not _left_behind(Path(name).name):
                yield from _within(path, f"{prefix}{name.rstrip('/')}/", (*above, real))
        elif path.is_file():
            yield Entry(prefix + name, path)


def _names(folder: Path) -> list[str]:
    """Return the paths below a folder that count: files, links, and folders that are a listing of their own."""
    if shutil.which("git") is None:
        return list(_walked(folder))
    own = _git(folder, "ls-files", "-z", "--cached")
    others = [
        "ls-files",
        "-z",
        "--others",
        "--exclude-standard",
        *(f"--exclude={each}" for each in LEFT_BEHIND),
    ]
    if own is not None and (names := [*own, *(_git(folder, *others) or [])]):
        return names
    # Not a checkout, or one that ignores the whole folder: an empty repository of ours reads its .gitignore files.
    with tempfile.TemporaryDirectory() as empty:
        _git(Path(empty), "init", "--quiet", ".")
        found = _git(folder, f"--git-dir={empty}/.git", f"--work-tree={folder}", *others)
    return list(_walked(folder)) if found is None else found


def _git(folder: Path, *words: str) -> list[str] | None:
    """Run git in a folder; its output by NUL, None when it refuses (not a repository, a broken one)."""
    done = subprocess.run([*GIT, *words], cwd=folder, env=git_environment(), capture_output=True, check=False)
    return None if done.returncode else [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _is_submodule(folder: Path, name: str) -> bool:
    staged = _git(folder, "ls-files", "-z", "--stage", "--", name) or [""]
    return staged[0].startswith("160000")


def _walked(folder: Path) -> Iterator[str]:
    """List a folder without git."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _left_behind(name)]
        if "pyvenv.cfg" in names:
            folders[:] = []
            continue
        linked = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*linked, *(name for name in names if not _left_behind(name))):
            yield str(Path(parent, name).relative_to(folder))


def _left_behind(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in LEFT_BEHIND)
