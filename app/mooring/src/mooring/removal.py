"""Removal of a tree, whoever owns it: of any depth, also while another process changes it, and through no link.

Python 3.8's standard library alone, as `mooring.untrusted`.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from mooring import untrusted

REFUSED = 100
"""How often a folder that is removed may have got something new before that is given up."""
SHOWN = 300
"""Characters of a path below a tree that are told."""


def remove_tree(path: Path) -> bool:
    """Remove a tree, or a file; whether it was there. OSError.

    No link is followed, in whatever way somebody changes the tree meanwhile, and it may be of any depth: a folder within a folder
    that is not empty is moved up into the tree's own, which is held open, and becomes ours alone before it is looked into.
    """
    try:
        above = untrusted.hold(path.parent)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        top = _own_folder(above, path.name)
        if top < 0:
            os.unlink(path.name, dir_fd=above)
            return True
        try:
            _empty(top, path)
        finally:
            os.close(top)
        os.rmdir(path.name, dir_fd=above)
    except FileNotFoundError:
        return False
    except OSError as error:
        error.filename = str(path) if error.filename is None else error.filename
        raise
    finally:
        os.close(above)
    return True


def _own_folder(above: int, name: str) -> int:
    """Make a folder ours alone and open it; -1: it is no folder. OSError."""
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    try:
        what, itself = os.fstat(found), untrusted.PROC / str(found)
        if not stat.S_ISDIR(what.st_mode):
            return -1
        if os.geteuid() == 0 and what.st_uid != 0:
            os.chown(itself, 0, 0)
        if stat.S_IMODE(what.st_mode) != stat.S_IRWXU:
            with suppress(PermissionError):  # another user's: what may be done there shows then
                itself.chmod(stat.S_IRWXU)
        return os.open(itself, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(found)


def _empty(top: int, path: Path) -> None:
    """Remove all in a folder, until nothing is in it."""
    moved: dict[str, str] = {}
    refused = 0
    while names := os.listdir(top):
        for name in names:
            where = moved.pop(name, name)
            try:
                _remove_below(top, name, where, moved)
            except FileNotFoundError:
                continue
            except OSError as error:
                refused += error.errno == errno.ENOTEMPTY  # a process of ours writes on
                if error.errno == errno.ENOTEMPTY and refused < REFUSED:
                    continue
                error.filename = f"{path}/{where}"
                raise


def _remove_below(top: int, name: str, where: str, moved: dict[str, str]) -> None:
    """Remove a file, or a folder with what is in it, but for its folders: they are moved up into `top`, and noted. OSError."""
    inner = _own_folder(top, name)
    if inner < 0:
        os.unlink(name, dir_fd=top)
        return
    try:
        with os.scandir(inner) as entries:
            found = [(each.name, each.is_dir(follow_symlinks=False)) for each in entries]
        for each, is_folder in found:
            if not is_folder:
                os.unlink(each, dir_fd=inner)
                continue
            itself = _own_folder(inner, each)  # a folder that may not be written to cannot be moved
            if itself < 0:  # it was one a moment ago: the next round sees what it is
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
            os.close(itself)
            up = f".removed-{os.urandom(8).hex()}"
            os.rename(each, up, src_dir_fd=inner, dst_dir_fd=top)
            moved[up] = f"{where}/{each}"[-SHOWN:]
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)
