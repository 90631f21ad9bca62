"""Folders, files and links as a list orders them: one program on the host for all. Python 3.8's standard library alone.

The controller sends it by standard input; it need not be installed where it runs. A file is replaced in one step, and only when
its content differs; its owner stays unless one is ordered. A link to a file stays, and what it leads to is replaced, unless the
link is another user's: root follows none of those.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import stat
import sys
from pathlib import Path
from typing import Any

SHOWN = 256 << 10
"""Bytes of the longest file whose text and difference are told."""
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class PlacingError(Exception):
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


def main(order: str) -> int:
    """Place what the order, a JSON object, lists in `entries`.

    With `check` it only looks. With `secret` it tells no text.

    Writes a JSON object to stdout: `changed`, `before`, `diff` (see `Answer`; the last two are empty for a secret). The exit
    status is 1, with one sentence on stderr, when an entry cannot be placed; those before it have been.
    """
    given = json.loads(order)
    answer = Answer(check=bool(given["check"]))
    os.umask(0o077)  # nothing is open to others before it has the mode that was ordered
    for entry in given["entries"]:
        path = Path(entry["path"])
        place = _folder if "folder" in entry else _link if "link" in entry else _file
        try:
            place(path, entry, answer)
        except PlacingError as error:
            print(error, file=sys.stderr)  # noqa: T201 - a command line
            return 1
        except OSError as error:
            print(f"{path} cannot be placed: {error.strerror}", file=sys.stderr)  # noqa: T201
            return 1
    if given["secret"]:
        answer.before, answer.diff = {}, []
    json.dump({"changed": answer.changed, "before": answer.before, "diff": answer.diff}, sys.stdout)
    return 0


def _folder(path: Path, entry: dict[str, Any], answer: Answer) -> None:
    if path.is_dir():  # a link to a folder as well: an operator may keep it on another disk
        _attributes(path, entry, answer)
        return
    _refuse_another(path, "a folder")
    answer.differs(
        entry["path"], {"path": str(path), "state": "absent"}, {"path": str(path), "state": "directory"}
    )
    if answer.check:
        return
    missing = [each for each in path.parents if not each.is_dir()]
    for each in reversed(missing):
        each.mkdir()
        each.chmod(0o755)
    path.mkdir()
    _own(path, entry)
    path.chmod(int(entry.get("mode", "0755"), 8))


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
    draft = path.with_name(f"{path.name}.partial")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    _own(draft, entry, follow=False)
    draft.replace(path)


def _file(path: Path, entry: dict[str, Any], answer: Answer) -> None:
    content = entry["content"].encode("utf-8", "surrogateescape")
    before = b""
    _refuse_anothers_link(path)
    if path.is_file():
        before = path.read_bytes()
        if len(before) <= SHOWN:
            answer.before[entry["path"]] = before.decode("utf-8", "replace")
        if before == content:
            _attributes(path, entry, answer)
            return
    elif path.exists() or not path.is_symlink():  # where a link leads to nothing, a file is made
        _refuse_another(path, "a file")
    shown = max(len(content), len(before)) <= SHOWN
    texts = [
        text.decode("utf-8", "replace") if shown else f"({len(text)} bytes)" for text in (before, content)
    ]
    answer.differs(entry["path"], *texts, before_header=str(path), after_header=str(path))
    if not answer.check:
        _write(path.resolve(), content, entry)


def _write(path: Path, content: bytes, entry: dict[str, Any]) -> None:
    """Write a file in one step: there is the old one or the new one, never a part. OSError."""
    draft = path.with_name(
        f".{path.name}.partial"
    )  # one name: what a killed run has left is replaced by the next
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            mode = 0o644
            with contextlib.suppress(FileNotFoundError):
                old = path.stat()
                mode = stat.S_IMODE(old.st_mode)
                if os.geteuid() == 0:
                    os.fchown(descriptor, old.st_uid, old.st_gid)
            _own(descriptor, entry)
            os.fchmod(descriptor, int(entry["mode"], 8) if "mode" in entry else mode)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _attributes(path: Path, entry: dict[str, Any], answer: Answer) -> None:
    """Give what stands there its owner, group and mode."""
    now = path.stat()
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
        _own(path, entry)
        if "mode" in entry:
            path.chmod(int(entry["mode"], 8))


def _own(path: Path | int, entry: dict[str, Any], *, follow: bool = True) -> None:
    user, group = _ids(entry)
    if user >= 0 or group >= 0:
        os.chown(path, user, group, follow_symlinks=follow)


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


def _refuse_anothers_link(path: Path) -> None:
    """Refuse a link whose owner could have root write wherever it leads. PlacingError, OSError."""
    if path.is_symlink() and path.lstat().st_uid not in {0, os.geteuid()}:
        raise PlacingError(
            f"{path} is a link of another user (number {path.lstat().st_uid}), and is not followed. Look at it, move it away,"
            " and run the same command again"
        )


def _refuse_another(path: Path, wanted: str) -> None:
    """Refuse what stands at the path and is none of what is wanted. PlacingError, OSError."""
    with contextlib.suppress(FileNotFoundError):
        kind = KINDS.get(stat.S_IFMT(path.lstat().st_mode), "a device")
        if path.is_symlink():  # for example to /dev/null: a unit that systemd has masked
            kind = f"a link to {os.readlink(path)}"  # noqa: PTH115 - as above
        raise PlacingError(
            f"{path} is to be {wanted}, and is {kind}. Look at it, move it away, and run the same command again"
        )
