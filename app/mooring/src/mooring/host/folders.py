"""Folders of a host: what can be done there, whose a mooring_root is, and who can change something on the way to a path.

The probe sends this to hosts that have nothing installed: Python 3.8's standard library and syntax. `os.path` stands where
`Path` would raise for a folder that may not be looked into, or would change the path's text.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from mooring.host import users

MARK = ".mooring"  # the file that says: this folder is a mooring_root
PLUGIN = b"=mooring.plugin:make_rpcinterface"  # in each supervisord.conf of ours
LINKS = 40  # links on the way of one path: path_resolution(7)
CONF_MAX = 1 << 20  # bytes of it that are read


def path_facts(path: str, user: dict[str, Any] | None = None) -> dict[str, Any]:
    """Tell of a folder that may not exist yet: the nearest parent that does, and what can be done there.

    `closed` is the first folder on the way that the service user cannot enter, None when there is none or it could
    not be tried.
    """
    nearest = path
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)  # noqa: PTH120
    way = [os.path.sep, *(str(each) for each in reversed(Path(nearest).parents)), nearest]
    flags = os.statvfs(nearest).f_flag if os.path.exists(nearest) else 0  # noqa: PTH110
    return {
        "path": path,
        "exists": os.path.exists(path),  # noqa: PTH110 - Path.exists raises where we may not look
        "nearest": nearest,
        "is_folder": os.path.isdir(nearest),  # noqa: PTH112
        "broken_link": os.path.islink(nearest) and not os.path.exists(nearest),  # noqa: PTH110, PTH114
        "writable": os.access(nearest, os.W_OK | os.X_OK, effective_ids=True),
        "read_only": bool(flags & os.ST_RDONLY),
        "noexec": bool(flags & os.ST_NOEXEC),
        "free_bytes": shutil.disk_usage(nearest).free if os.path.exists(nearest) else 0,  # noqa: PTH110
        "closed": next((each for each in way if _may_enter(each, user) is False), None),
    }


def _may_enter(folder: str, user: dict[str, Any] | None) -> bool | None:
    """Try as that user whether what lies in the folder can be reached; None when it is no folder, or we cannot try."""
    if not users.may_become(user) or not os.path.isdir(folder):  # noqa: PTH112
        return None
    said = users.tried(user, lambda: [folder] if os.access(folder, os.X_OK) else [])
    return None if said is None else said != []


def root_facts(path: str, layout: dict[str, list[str]]) -> dict[str, Any]:
    """Tell whose the folder is that is to be, or is, the mooring_root.

    `real` is where it leads. `holds`: names of what stands in it, but for a file system's own lost+found. `ours`: it has our
    mark; or, from before there was a mark, our supervisord's configuration, or nothing but what a deploy makes (`layout` has
    the names, by folder).
    `anothers_link`, `anothers`: the first link, or folder, on the way that another user than root and us can change.
    `within`: the mooring_root that the folder lies in; None when it lies in none.
    """
    real = os.path.realpath(path)
    holds = sorted(set(_names(real)) - {"lost+found"})
    ours = _is_marked(real) or _is_configured(real) or _has_layout(real, holds, layout)
    way = [*(str(each) for each in reversed(Path(path).parents)), path]
    real_way = [*(str(each) for each in reversed(Path(real).parents)), real]
    return {
        "real": real,
        "holds": holds[:5],
        "ours": ours,
        "anothers_link": next((each for each in way if os.path.islink(each) and not _is_ours(each)), None),  # noqa: PTH114
        "anothers": next((each for each in real_way if not _is_ours(each)), None),
        "within": next((each for each in real_way[:-1] if _is_marked(each)), None),
    }


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names
    except OSError:  # it is not there, is no folder, or may not be looked into: said elsewhere
        return []


def _is_marked(folder: str) -> bool:
    with contextlib.suppress(OSError):
        facts = os.lstat(f"{folder}/{MARK}")
        return stat.S_ISREG(facts.st_mode) and facts.st_uid in (0, os.geteuid())
    return False


def _is_configured(root: str) -> bool:
    with contextlib.suppress(OSError):
        path = f"{root}/supervisor/supervisord.conf"
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            facts = os.fstat(descriptor)
            is_file = stat.S_ISREG(facts.st_mode) and facts.st_uid in (0, os.geteuid())
            return is_file and PLUGIN in file.read(CONF_MAX)
    return False


def _has_layout(root: str, holds: list[str], layout: dict[str, list[str]]) -> bool:
    """Tell whether the folder has nothing but what a deploy makes in it, in supervisord's folder, and in those of instances."""
    instances = [f"{root}/instances/{name}" for name in _names(f"{root}/instances")]
    return (
        bool({"supervisor", "instances"} & set(holds))
        and set(holds) <= set(layout["root"])
        and set(_names(f"{root}/supervisor")) <= set(layout["supervisor"])
        and all(os.path.isdir(each) and set(_names(each)) <= set(layout["instance"]) for each in instances)  # noqa: PTH112
    )


def _is_ours(path: str) -> bool:
    """Tell whether nobody but root and us can replace what stands there; what does not stand there is nobody's."""
    try:
        facts = os.lstat(path)
    except OSError:
        return True
    if facts.st_uid not in (0, os.geteuid()):
        return False
    if stat.S_ISLNK(facts.st_mode) or facts.st_mode & stat.S_ISVTX:
        return True
    return not (
        facts.st_mode & stat.S_IWOTH
        or (facts.st_mode & stat.S_IWGRP and facts.st_gid not in (0, os.getegid()))
    )


def exposed(paths: list[str], user: dict[str, Any] | None) -> str | None:
    """Find the first folder on the way to these paths in which the service user, or everybody, can put something else.

    Links are followed. Root runs programs at the end of such a way. None when there is no such folder, when we are not root,
    or that user is.
    """
    if os.geteuid() != 0 or user is None or not user["uid"]:
        return None
    steps = [step for path in paths for step in _steps(path)]
    writable = _writable([folder for folder, _ in steps], user)
    return next((folder for folder, name in steps if _is_exposed(folder, name, user["uid"], writable)), None)


def _steps(path: str) -> list[tuple[str, str]]:
    """List the folders on a path's way, and what is looked up in each; a folder at the end with no name."""
    steps: list[tuple[str, str]] = []
    here, waiting, links = "/", path.split("/")[::-1], 0
    while waiting:
        name = waiting.pop()
        if name == "..":
            here = os.path.dirname(here)  # noqa: PTH120
        if name in ("", ".", ".."):
            continue
        steps.append((here, name))
        found = os.path.join(here, name)  # noqa: PTH118
        links += os.path.islink(found)  # noqa: PTH114
        if os.path.islink(found) and links <= LINKS:  # noqa: PTH114
            target = os.readlink(found)  # noqa: PTH115
            here = "/" if target.startswith("/") else here
            waiting += target.split("/")[::-1]
        elif os.path.isdir(found):  # noqa: PTH112
            here = found
        else:  # a file, or what is not there
            return steps
    return [*steps, (here, "")]


def _is_exposed(folder: str, name: str, uid: int, writable: set[str]) -> bool:
    facts = os.stat(folder)  # noqa: PTH116
    if facts.st_uid == uid:  # who can give himself every right
        return True
    is_sticky = bool(facts.st_mode & stat.S_ISVTX)
    if not is_sticky:
        return folder in writable or bool(facts.st_mode & stat.S_IWOTH)
    with contextlib.suppress(OSError):
        return folder in writable and bool(name) and os.lstat(os.path.join(folder, name)).st_uid == uid  # noqa: PTH118
    return False


def _writable(folders: list[str], user: dict[str, Any]) -> set[str]:
    """Try as that user which folders can be written: by owner, group, or an access control list. All, if it cannot be tried."""
    said = users.tried(user, lambda: [each for each in folders if os.access(each, os.W_OK | os.X_OK)])
    return set(folders if said is None else said)


def misplaced(wanted: dict[str, str]) -> list[dict[str, str]]:
    """List the paths where something else stands than the kind that is wanted there (folder, link or file)."""
    found = []
    for path, kind in wanted.items():
        is_kind = {"folder": os.path.isdir, "link": os.path.islink, "file": os.path.isfile}[kind]
        if os.path.lexists(path) and not is_kind(path):
            found.append({"path": path, "wanted": kind, "found": _kind(path)})
    return found


def _kind(path: str) -> str:
    if os.path.islink(path):  # noqa: PTH114
        return "link" if os.path.exists(path) else "broken link"  # noqa: PTH110
    return "folder" if os.path.isdir(path) else "file"  # noqa: PTH112
