"""Is a release, and a virtualenv, what was built? A manifest of hashes is written last, and read before either is trusted.

A tree (a release's folder, or a virtualenv) is *sealed* when it is complete: it becomes read-only, and `manifest.json` in it
names each file with its mode and SHA-256. A tree without one is half built. A tree that differs from it is damaged: it is
never repaired in place, since a worker may run from it. What replaces it gets the next number: `<id>`, `<id>-2`, `<id>-3`.

Python 3.8's standard library alone, and modules of ours that keep to it. The calls `tree.…` send it to the target's own Python,
since that of a damaged virtualenv may be gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mooring import removal, texts, untrusted
from mooring.host import errors

MANIFEST = "manifest.json"
RELEASE = "release.json"
INTERPRETER_TIMEOUT = 20  # seconds for a virtualenv's Python to say which it is
SHOWN = 5  # problems of one tree that are told; the others are counted
OWN_INTERPRETER = "is no link to an interpreter of this host: a package has put a program of its own there"
WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def seal(tree: Path) -> int:
    """Make the tree read-only and write its manifest, which makes it complete; the number of its files. OSError."""
    for each in _walk(tree):
        if not each.is_symlink():
            os.chmod(each, _mode(each) & ~WRITABLE)  # noqa: PTH101 - an os.DirEntry
    entries = {_name(tree, each): _entry(each) for each in _walk(tree)}
    draft = tree / f"{MANIFEST}.partial"
    draft.write_text(json.dumps({"entries": entries}, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    draft.chmod(0o400)  # a hash of a secret is for nobody else: it tells whether a guess is right
    draft.replace(tree / MANIFEST)
    tree.chmod(stat.S_IMODE(tree.stat().st_mode) & ~WRITABLE)
    return len(entries)


def problems_of_tree(tree: Path) -> list[str]:
    """Compare a sealed tree with its manifest; a sentence for each difference.

    Byte code that was added is none: Python believes it only as long as its source has not changed.
    """
    try:
        wanted = _object(tree / MANIFEST)["entries"]
        wanted = {str(name): list(entry) for name, entry in wanted.items()}
    except FileNotFoundError:
        return [f"{MANIFEST} is missing"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return [f"{MANIFEST} cannot be read ({error.__class__.__name__})"]
    found = []
    for each in _walk(tree):
        name = _name(tree, each)
        entry = wanted.pop(name, None)
        if entry is None:
            if not _is_byte_code(name):
                found.append(f"{name} was added")
            continue
        try:
            now = _entry(each)
        except OSError as error:
            found.append(f"{name} cannot be read ({error.strerror})")
            continue
        if now != entry:
            same_content = now[:1] == entry[:1] and now[2:] == entry[2:]
            found.append(f"{name} has another mode" if same_content else f"{name} was changed")
    return found + [f"{name} is missing" for name in wanted]


def problems_of_virtualenv(tree: Path) -> list[str]:
    """Check a virtualenv: its files, and that its interpreter runs and is the Python that it was made for."""
    if not tree.is_dir():
        return ["it is missing"]
    found = problems_of_tree(tree)
    if any(problem.startswith(("bin/python", "pyvenv.cfg")) for problem in found):
        return found
    return found + _problems_of_interpreter(tree)


def _problems_of_interpreter(tree: Path) -> list[str]:
    if not has_foreign_interpreter(tree):
        return [f"bin/python {OWN_INTERPRETER}"]
    python = Path(os.path.realpath(tree / "bin/python"))
    if not python.exists():
        return [f"its interpreter {python} is gone"]
    try:
        configuration = (tree / "pyvenv.cfg").read_text(encoding="utf-8")
    except ValueError:
        return ["pyvenv.cfg is not UTF-8 text"]
    except OSError as error:
        return [f"pyvenv.cfg cannot be read ({error.strerror})"]
    made_for = re.search(r"(?m)^version\s*=\s*(\d+\.\d+)", configuration)
    version = _version(python)
    if not version:
        return [f"its interpreter {python} does not run"]
    was = made_for[1] if made_for else version
    return [f"its interpreter {python} is Python {version} now, and was {was}"] if version != was else []


def has_foreign_interpreter(tree: Path) -> bool:
    """Tell whether the virtualenv's Python is a link out of it; a package can put a program of its own in that place."""
    return Path(os.path.realpath(tree)) not in Path(os.path.realpath(tree / "bin/python")).parents


def _version(python: Path) -> str:
    """Ask an interpreter for its version, "3.11"; "" when it does not run.

    We may be root: the interpreter itself is asked, and not the virtualenv's, which obeys pyvenv.cfg; and without `site`,
    since each `.pth` file would be run.
    """
    try:
        done = subprocess.run(
            [str(python), "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=INTERPRETER_TIMEOUT,
            check=False,
            cwd="/",
            env={},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


def problems_of_release(home: Path, release: str) -> list[str]:
    """Check a release of the instance's folder `home`, its virtualenv included."""
    folder = home / "releases" / release
    if not folder.is_dir():
        return [f"{folder} is missing"]
    found = [] if _from_before_seals(folder) else problems_of_tree(folder)
    link = folder / "venv"
    if not link.is_dir():
        return [*found, f"its virtualenv {os.path.realpath(link)} is missing"]
    venv = Path(os.path.realpath(link))
    if _from_before_seals(folder) and not (venv / MANIFEST).exists():
        return found
    return found + [f"virtualenv {venv.name}: {problem}" for problem in problems_of_virtualenv(venv)]


def choose(kind: str, folder: Path, name: str) -> dict[str, Any]:
    """Find the intact tree of that name, or the name for one that is to be built.

    `exists`: it stands, and is intact. Else `name` is free, or half built and in use by nothing: remove it, and build it.
    `damaged` maps each tree that was found damaged to its problems. The live release is looked at first.
    """
    used = _in_use(kind, folder)
    taken = [
        path.name for path in folder.glob(f"{name}*") if re.fullmatch(re.escape(name) + r"(-\d+)?", path.name)
    ]
    damaged: dict[str, list[str]] = {}
    for each in sorted(taken, key=lambda each: (each not in used, -_number(name, each))):
        problems = (
            problems_of_release(folder.parent, each)
            if kind == "release"
            else problems_of_virtualenv(folder / each)
        )
        if not problems:
            return {"name": each, "exists": True, "damaged": shown(damaged)}
        if each in used or (folder / each / MANIFEST).exists():
            damaged[each] = problems
    number = max((_number(name, each) for each in damaged), default=0) + 1
    return {"name": name if number == 1 else f"{name}-{number}", "exists": False, "damaged": shown(damaged)}


def shown(damaged: dict[str, list[str]]) -> dict[str, list[str]]:
    """Keep the first problems of each tree, each a plain text, and count the others."""
    return {
        name: [texts.plain(problem) for problem in problems[:SHOWN]]
        + ([f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else [])
        for name, problems in damaged.items()
    }


def choose_tree(kind: str, folder: Path, name: str) -> dict[str, Any]:
    """Find the intact tree of that name; see `choose`. `kind`: release or virtualenv."""
    return {"changed": False, **choose(kind, folder, name)}


def check_release(home: Path, release: str) -> dict[str, Any]:
    """Tell whether a release is what was built: `intact`, and the first `problems`."""
    found = problems_of_release(home, release)
    return {"changed": False, "intact": not found, "problems": shown({"": found})[""]}


def seal_tree(tree: Path) -> dict[str, Any]:
    """Seal a tree; see `seal`. HostError for a virtualenv whose interpreter a package has replaced."""
    if (tree / "pyvenv.cfg").exists() and not has_foreign_interpreter(tree):
        raise errors.HostError(f"{tree}/bin/python {OWN_INTERPRETER}. Do without that package.")
    return {"changed": True, "files": seal(tree)}


def remove_trees(trees: list[str]) -> dict[str, Any]:
    """Remove trees and files; `removed`: those that were there."""
    removed = [tree for tree in trees if removal.remove_tree(Path(tree))]
    return {"changed": removed != [], "removed": removed}


def _walk(tree: Path) -> Iterator[os.DirEntry[str]]:
    """Yield all below the tree; not the manifest, nor a release's own link `venv`: its target is checked as what it is."""
    waiting = [str(tree)]
    skipped = {str(tree / MANIFEST), str(tree / f"{MANIFEST}.partial"), str(tree / "venv")}
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.path not in skipped:
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)


def _name(tree: Path, entry: os.DirEntry[str]) -> str:
    return entry.path[len(str(tree)) + 1 :]


def _mode(entry: os.DirEntry[str]) -> int:
    return stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)


def _entry(each: os.DirEntry[str]) -> list[str]:
    """Compose what the manifest says of one file, folder or link: its kind, mode, and content."""
    if each.is_symlink():
        return ["link", "", os.readlink(each.path)]  # noqa: PTH115 - its text is the fact
    mode = f"{_mode(each) & ~WRITABLE:04o}"  # that it may be written is no damage yet
    if each.is_dir():
        return ["folder", mode]
    if not each.is_file():
        return ["neither file nor folder", mode]  # it is not opened: a pipe's reader waits for a writer
    digest = hashlib.sha256()
    with open(each.path, "rb", buffering=0) as file:  # noqa: PTH123 - there are thousands, and Path is slow
        is_anothers = os.fstat(file.fileno()).st_uid not in (0, os.geteuid())
        while piece := file.read(untrusted.PIECE):
            digest.update(piece)
            if is_anothers and file.tell() > untrusted.LONGEST:  # its owner can have it go on for ever
                break
    return ["file", mode, digest.hexdigest()]


def _is_byte_code(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    return last == "__pycache__" or (folder.endswith("__pycache__") and last.endswith(".pyc"))


def is_complete(folder: Path) -> bool:
    """Tell whether a release has been built to its end; what has become of it since is another question."""
    return (folder / MANIFEST).exists() or _from_before_seals(folder)


def _from_before_seals(folder: Path) -> bool:
    """Tell whether a release was built before there were manifests: its release.json does not speak of one."""
    if (folder / MANIFEST).exists():
        return False
    try:
        return "sealed" not in _object(folder / RELEASE)
    except (OSError, ValueError):
        return False


def _in_use(kind: str, folder: Path) -> list[str]:
    """List what must not be removed though it may look half built: what is live, or pointed to."""
    if kind == "virtualenv":
        links = [folder.parent / "venv", *folder.parent.glob("releases/*/venv")]
        return [Path(os.readlink(link)).name for link in links if link.is_symlink()]  # noqa: PTH115 - it may dangle
    try:
        live = _object(folder.parent / "live.json")
        return [_text(live["release"]), _text(live["previous"])]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError):
        return [path.parent.name for path in folder.glob(f"*/{RELEASE}")]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - wrong words, not a wrong type
    return value


def _object(path: Path) -> dict[str, Any]:
    """Read a JSON object. OSError; ValueError."""
    return texts.json_object(untrusted.read_any(path))


def _number(name: str, each: str) -> int:
    return int(each[len(name) + 1 :] or 1)
