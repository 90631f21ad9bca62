"""Folders, files and links as a list orders them: many in one run of this program on the host.

Python 3.8's standard library alone, and modules of ours that keep to it. The controller sends all of it by standard input, so
nothing need be installed where it runs. A file is replaced in one step, and only when its content differs; its owner stays
unless one is ordered. A link to a file stays, and what it leads to is replaced, unless the link is another user's: root
follows none of those, and changes what it has opened, not what a name leads to by then.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mooring import untrusted
from mooring.host import errors

SHOWN = 256 << 10
"""Bytes of the longest file whose text and difference are told."""


class PlacingError(errors.HostError):
    """An entry cannot be placed; the text names its path and says why."""


class Answer:
    """What is told: which paths have changed (in check mode: would), files' texts before, differences as Ansible shows them.

    Paths are told as they were given, so that who has given them finds them again.
    """

    def __init__(self, *, check: bool) -> None:
        self.check = check
        self.changed: list[str] = []
        self.before: dict[str, str] = {}
        self.diff: list[dict[str, Any]] = []

    def differs(self, path: str, before: Any, after: Any, **more: Any) -> None:
        """Keep that a path has changed."""
        if path not in self.changed:
            self.changed.append(path)
        self.diff.append({"before": before, "after": after, **more})


def place(entries: list[dict[str, Any]], secret: bool = False, *, check: bool = False) -> dict[str, Any]:
    """Place what is listed, in that order; with `check` it only looks. PlacingError: those before it have been placed.

    Returns `changed`, `paths` that have changed, `before` and `diff` (see `Answer`; the last two are empty for a secret).
    """
    answer = Answer(check=check)
    os.umask(0o077)  # nothing is open to others before it has the mode that was ordered
    for entry in entries:
        path = Path(entry["path"])
        put = _folder if "folder" in entry else _link if "link" in entry else _file
        try:
            put(path, entry, answer)
        except OSError as error:
            raise PlacingError(f"{path} cannot be placed: {error.strerror}") from error
    if secret:
        answer.before, answer.diff = {}, []
    return {
        "changed": answer.changed != [],
        "paths": answer.changed,
        "before": answer.before,
        "diff": answer.diff,
    }


def _folder(path: Path, entry: dict[str, Any], answer: Answer) -> None:
    if path.is_dir():  # a link to a folder as well: an operator may keep it on another disk
        with untrusted.held(path) as found:
            _attributes(found, path, entry, answer)
        return
    _refuse_another(path, "a folder")
    answer.differs(
        entry["path"], {"path": str(path), "state": "absent"}, {"path": str(path), "state": "directory"}
    )
    if answer.check:
        return
    missing = [path, *(each for each in path.parents if not each.is_dir())]
    for each in reversed(missing):
        with untrusted.held(each.parent) as above:
            os.mkdir(each.name, dir_fd=above)
            made = os.open(
                each.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above
            )
        try:
            if os.fstat(made).st_uid != os.geteuid():
                raise PlacingError(f"{each} cannot be placed: another user has put a folder of his own there")
            own = entry if each == path else {}
            _own(made, own)
            os.fchmod(made, int(own.get("mode", "0755"), 8))
        finally:
            os.close(made)


def _link(path: Path, entry: dict[str, Any], answer: Answer) -> None:
    target = entry["link"]
    before = os.readlink(path) if path.is_symlink() else ""  # noqa: PTH115 - Path.readlink is of Python 3.9
    if before == target:
        return
    if not before:
        _refuse_another(path, f"a link to {target}")
    answer.differs(entry["path"], {"path": str(path), "src": before}, {"path": str(path), "src": target})
    if answer.check:
        return
    draft = f"{path.name}.partial"
    user, group = _ids(entry)
    with untrusted.held(path.parent) as folder:
        _unlink(draft, folder)
        os.symlink(target, draft, dir_fd=folder)
        os.chown(draft, user, group, dir_fd=folder, follow_symlinks=False)
        os.replace(draft, path.name, src_dir_fd=folder, dst_dir_fd=folder)


def _file(path: Path, entry: dict[str, Any], answer: Answer) -> None:
    content = entry["content"].encode("utf-8", "surrogateescape")
    before = b""
    real = _real(path)
    if path.is_file():
        with _found(real) as found:
            before = (untrusted.PROC / str(found)).read_bytes()
            if len(before) <= SHOWN:
                answer.before[entry["path"]] = before.decode("utf-8", "replace")
            if before == content:
                _attributes(found, path, entry, answer)
                return
    elif path.exists() or not path.is_symlink():  # where a link leads to nothing, a file is made
        _refuse_another(path, "a file")
    shown = max(len(content), len(before)) <= SHOWN
    both = [
        text.decode("utf-8", "replace") if shown else f"({len(text)} bytes)" for text in (before, content)
    ]
    answer.differs(entry["path"], *both, before_header=str(path), after_header=str(path))
    if not answer.check:
        _write(real, content, entry)


def _write(path: Path, content: bytes, entry: dict[str, Any]) -> None:
    """Write a file in one step: there is the old one or the new one, never a part. OSError."""
    with untrusted.held(path.parent) as folder:
        _write_in(folder, path.name, content, entry)


def _write_in(folder: int, name: str, content: bytes, entry: dict[str, Any]) -> None:
    draft = f".{name}.partial"  # one name: what a killed run has left is replaced by the next
    _unlink(draft, folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o600, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            mode = 0o644
            with contextlib.suppress(FileNotFoundError):
                old = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if not stat.S_ISREG(old.st_mode):  # a link has mode 0777
                    raise PlacingError(f"{name} was a file, and somebody has just put something else there")  # noqa: TRY301
                mode = stat.S_IMODE(old.st_mode)
                if os.geteuid() == 0:
                    os.fchown(descriptor, old.st_uid, old.st_gid)
            _own(descriptor, entry)
            os.fchmod(descriptor, int(entry["mode"], 8) if "mode" in entry else mode)
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _unlink(draft, folder)
        raise


def _unlink(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def _found(path: Path) -> Iterator[int]:
    """Yield a descriptor (O_PATH) of the file that stands at the path. PlacingError: it is none any more. OSError."""
    with untrusted.held(path.parent) as folder:
        found = os.open(path.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise PlacingError(f"{path} was a file, and somebody has just put something else there")
        yield found
    finally:
        os.close(found)


def _attributes(found: int, path: Path, entry: dict[str, Any], answer: Answer) -> None:
    """Give what stands there its owner, group and mode: what was found, whatever somebody puts at its name meanwhile."""
    now = os.fstat(found)
    was: dict[str, Any] = {
        "path": str(path),
        "owner": now.st_uid,
        "group": now.st_gid,
        "mode": f"{stat.S_IMODE(now.st_mode):04o}",
    }
    wanted = dict(was)
    try:
        user, group = _ids(entry)
    except PlacingError:
        if not answer.check:
            raise
        # A run creates the user before; a check cannot.
        wanted.update({name: entry[name] for name in ("owner", "group") if name in entry})
    else:
        if user >= 0:
            wanted["owner"] = user
        if group >= 0:
            wanted["group"] = group
    if "mode" in entry:
        wanted["mode"] = f"{int(entry['mode'], 8):04o}"
    if was == wanted:
        return
    answer.differs(entry["path"], was, wanted)
    if not answer.check:
        _own(found, entry)
        if "mode" in entry:
            (untrusted.PROC / str(found)).chmod(int(entry["mode"], 8))


def _own(descriptor: int, entry: dict[str, Any]) -> None:
    user, group = _ids(entry)
    if user >= 0 or group >= 0:
        os.chown(untrusted.PROC / str(descriptor), user, group)  # fchown(2) takes none of O_PATH


def _ids(entry: dict[str, Any]) -> tuple[int, int]:
    """Return the numbers of an entry's owner and group, each given by name or number; -1 for none. PlacingError."""
    user, group = str(entry.get("owner", "-1")), str(entry.get("group", "-1"))
    try:
        return (
            int(user) if user.lstrip("-").isdigit() else pwd.getpwnam(user).pw_uid,
            int(group) if group.lstrip("-").isdigit() else grp.getgrnam(group).gr_gid,
        )
    except KeyError as error:
        raise PlacingError(f"{entry['path']} cannot be placed: {error.args[0]}") from None


def _real(path: Path) -> Path:
    """Return what the links at the end of a path lead to; those on the way are followed by `untrusted.hold`, or not.

    A link is refused whose owner could have root write wherever it leads. PlacingError, OSError.
    """
    for _ in range(untrusted.LINKS):
        if not path.is_symlink():
            return path
        _refuse_anothers_link(path)
        path = path.parent / os.readlink(path)  # noqa: PTH115 - as above
    raise PlacingError(
        f"{path} is a link that leads to itself. Look at it, remove it, and run the same command again"
    )


def _refuse_anothers_link(path: Path) -> None:
    if path.lstat().st_uid not in {0, os.geteuid()}:
        raise PlacingError(
            f"{path} is a link of another user (number {path.lstat().st_uid}), and is not followed. Look at it, move it away,"
            " and run the same command again"
        )


def _refuse_another(path: Path, wanted: str) -> None:
    """Refuse what stands at the path and is none of what is wanted. PlacingError, OSError."""
    with contextlib.suppress(FileNotFoundError):
        kind = untrusted.KINDS.get(stat.S_IFMT(path.lstat().st_mode), "a device")
        if path.is_symlink():  # for example to /dev/null: a unit that systemd has masked
            kind = f"a link to {os.readlink(path)}"  # noqa: PTH115 - as above
        raise PlacingError(
            f"{path} must be {wanted}, and is {kind}. Look at it, move it away, and run the same command again"
        )
