"""One lock for each instance, for playbooks and by hand alike: the file `lock` in its folder.

A command holds it by flock(2), and the kernel ends that with the command's process, however it ends. A run of several commands
(a playbook) also writes a record into the file, so that no other changes the instance between two of them. It tells by facts
of the kernel which process it is: its pid, when that was started, and in which pid namespace of which boot. So

- in the same namespace and boot, the kernel tells whether that process still runs; one that has ended is overtaken;
- a machine that has booted since then runs none of its processes any more;
- of a process elsewhere nothing is known here. The caller's own machine may know (`is_over`), or a person, who names the run.

Python 3.8's standard library alone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import platform
import pwd
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mooring import texts
from mooring.host import errors

LONGEST = 4096
"""Bytes of the longest record that is read."""
PATIENCE = 900.0
"""Seconds to wait for another command that changes the instance: longer than the longest drain that playbooks allow."""
POLL = 0.1
RUN = re.compile(r"[0-9a-f]{8,64}")
"""A run's id."""
FIELDS = {
    "run": str,
    "who": str,
    "process": int,
    "started": int,
    "boot": str,
    "namespace": str,
    "machine": str,
    "since": str,
}

if TYPE_CHECKING:  # Python 3.8 cannot evaluate it
    Record = dict[str, Any]
"""What `record` makes; {} for nobody."""


def record(process: int) -> Record:
    """Compose what tells that this process of this machine, and what it starts, is one run; its id follows from the rest."""
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = str(os.geteuid())
    facts = {"process": process, "started": _started(process), **_here()}
    return {
        "run": hashlib.sha256(json.dumps([platform.node(), facts]).encode()).hexdigest()[:16],
        "who": f"{user}@{platform.node()}",
        **facts,
        "since": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }


def _here() -> dict[str, str]:
    """Tell boot, pid namespace and machine; each "" where /proc does not tell (another system than Linux)."""
    found = {"boot": "", "namespace": "", "machine": ""}
    with contextlib.suppress(OSError):
        found["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        found["namespace"] = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - its text is the fact
    with contextlib.suppress(OSError):
        machine = Path("/etc/machine-id").read_text(encoding="ascii", errors="replace").strip()
        found["machine"] = f"{machine}@{platform.node()}" if machine else ""
    return found


def _started(process: int) -> int:
    """Return when a process was started, in ticks since the boot (proc_pid_stat(5)); 0: it does not run, or has ended."""
    try:
        words = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if words[0] in (b"Z", b"X") else int(words[19])


def is_record(found: dict[str, Any]) -> bool:
    """Tell whether it has the shape of a record."""
    return all(type(found.get(name)) is kind for name, kind in FIELDS.items()) and bool(
        RUN.fullmatch(found["run"])
    )


def is_over(holder: Record) -> bool | None:
    """Tell whether the process of a record has ended; None: this machine does not know."""
    here = _here()
    if not holder["boot"] or not here["boot"]:
        return None
    if (holder["boot"], holder["namespace"]) == (here["boot"], here["namespace"]):
        return _started(holder["process"]) != int(holder["started"])
    if holder["boot"] != here["boot"] and holder["machine"] and holder["machine"] == here["machine"]:
        return True
    return None


class Lock:
    """The lock of an instance, held by this process until `close`."""

    def __init__(self, path: Path, progress: Callable[[str], None], patience: float = PATIENCE) -> None:
        self.path = path
        self._descriptor = _taken(path, progress, patience)

    def close(self) -> None:
        """Let others in, but not between the commands of a run whose record stands."""
        os.close(self._descriptor)

    def holder(self) -> Record:
        """Return the record of the run that has the lock between its commands; {} for none. HostError."""
        content = os.pread(self._descriptor, LONGEST, 0).strip(b"\0 \n")
        if not content:  # also what a crash of the whole machine leaves of a record that was being written
            return {}
        try:
            found = texts.json_object(content)
        except ValueError:
            found = {}
        if not is_record(found):
            raise errors.HostError(
                f"{self.path} is no lock of Mooring's: it has another content. Nobody deploys by it: look at it, remove it,"
                f" and run the same command again: rm {self.path}"
            ) from None
        mine: Record = texts.plain_value({name: found[name] for name in FIELDS})
        return mine

    def enter(self, run: str, take_over: str = "") -> None:
        """Go in as a command of this run ("": of none). LockedError when another run has it, and is not known to have ended."""
        holder = self.holder()
        if not holder or holder["run"] == run:
            return
        if is_over(holder) or (take_over and holder["run"] == take_over):
            self._write(b"")
            return
        raise errors.LockedError(refusal(self.path, holder), holder)

    def keep(self, mine: Record) -> None:
        """Have the lock between the commands of a run, until `give_up`."""
        self._write((json.dumps(mine) + "\n").encode())

    def give_up(self, run: str) -> bool:
        """Remove the run's record; whether it was there: it may have been overtaken."""
        if self.holder().get("run") != run:
            return False
        self._write(b"")
        return True

    def _write(self, content: bytes) -> None:
        """Write in place: the lock is of this inode. One that is cut short by a crash holds nobody."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)
        os.fsync(self._descriptor)


def is_held(path: Path, run: str) -> bool:
    """Tell, without a wait, whether anything but this run stands in the lock: another run, or what is no lock. OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            return True
        raise
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return True
        content = file.read(LONGEST).strip(b"\0 \n")
    try:
        return bool(content) and texts.json_object(content).get("run") != run
    except ValueError:
        return True


def refusal(path: Path, holder: Record) -> str:
    """Say who has the lock, and what to do."""
    who = f"{holder['who']}, process {holder['process']}, since {holder['since']}"
    return (
        f"{path.parent.name} is being deployed by {who}. Wait for it to end. If you know that it has died, take its lock over:"
        f" -e instance_break_lock={holder['run']} (by hand: mooringctl --take-over {holder['run']} …)"
    )


def _taken(path: Path, progress: Callable[[str], None], patience: float) -> int:
    """Return a descriptor of the file at the path that has its flock. HostError after `patience` seconds; OSError."""
    end, told = time.monotonic() + patience, False
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, descriptor):
                return descriptor
        except BlockingIOError:
            if not told:
                progress("waiting for the end of another command that changes this instance")
            told = True
            if time.monotonic() > end:
                os.close(descriptor)
                raise errors.LockedError(
                    f"another command that changes this instance has not ended for {patience:g} s:"
                    f" `fuser {path}` tells which; end it, and run this again"
                ) from None
            time.sleep(POLL)
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open the file, and make it for its folder's owner alone: who may open it could keep deploys out. HostError, OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except IsADirectoryError:
        raise errors.HostError(_no_lock(path, "a folder")) from None
    except OSError:
        if path.is_symlink():
            raise errors.HostError(_no_lock(path, "a link")) from None
        raise
    found, folder = os.fstat(descriptor), path.parent.stat()
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise errors.HostError(_no_lock(path, "no file"))
    if os.geteuid() == 0 and found.st_uid == 0 != folder.st_uid:
        os.fchown(descriptor, folder.st_uid, folder.st_gid)
    return descriptor


def _no_lock(path: Path, kind: str) -> str:
    again = "-r " if kind == "a folder" else ""
    return (
        f"{path} is {kind}, and no lock of Mooring's, which is a file. Nobody deploys by it: look at it, remove it, and run the"
        f" same command again: rm {again}{path}"
    )


def _is_at(path: Path, descriptor: int) -> bool:
    """Tell whether the file still stands there: a removal may have taken it away while we waited."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


@contextlib.contextmanager
def changing(path: Path, run: str, progress: Callable[[str], None], take_over: str = "") -> Iterator[Lock]:
    """Hold the lock for one command: of this run, or of none (""). LockedError, HostError, OSError."""
    lock = Lock(path, progress)
    try:
        lock.enter(run, take_over)
        yield lock
    finally:
        lock.close()


def take(
    path: str, holder: dict[str, Any], take_over: str = "", *, check: bool, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Take the lock for a run of several commands; `holder` is its `record`. LockedError when another has it.

    With `check` it is looked at alone.
    """
    if not is_record(holder):
        raise errors.CallError("holder is no record of a run")
    if check and not Path(path).exists():
        return {"changed": False, "run": holder["run"]}
    with changing(Path(path), holder["run"], progress, "" if check else take_over) as lock:
        if not check:
            lock.keep(holder)
    return {"changed": False, "run": holder["run"]}


def release(path: str, run: str, *, progress: Callable[[str], None]) -> dict[str, Any]:
    """Give the lock up, if this run has it; `held`: whether it had."""
    if not Path(path).parent.is_dir() or not os.path.lexists(path):
        return {"changed": False, "held": False}
    lock = Lock(Path(path), progress)
    try:
        return {"changed": False, "held": lock.give_up(run)}
    finally:
        lock.close()
