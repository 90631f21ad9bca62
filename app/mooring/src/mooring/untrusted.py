"""What a lower trust has made: folders, files and sockets that can do their reader no harm.

Root deploys, and an application that an attacker has taken over owns run/, log/ and data/. So whoever may do more opens there

- nothing through a link of another user: a path is walked folder by folder, each held open (openat(2), O_NOFOLLOW);
- nothing but what it looks for: O_PATH opens no device and waits for no FIFO; kind, owner and link count are looked at first;
- sockets whose listener is the folder's owner (SO_PEERCRED), for a total time and up to a number of bytes.

`mooring.texts` checks what was read from them.

Python 3.8's standard library alone: `tools/on_host` sends this module with the programs that import it.
"""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import socket
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROC = Path("/proc/self/fd")
"""proc_pid_fd(5): a descriptor's own path, which leads to what was looked at, whatever stands at its name now."""
MAX_SOCKET_PATH = 107
"""Longest path of a unix socket on Linux, in bytes (unix(7): sun_path holds 108 with the closing zero)."""
LINKS = 40
"""Links on the way of one path: path_resolution(7)."""
LONGEST = 64 << 20
"""Bytes of the longest file that is read whole: the manifest of a large virtualenv has some."""
PIECE = 1 << 20
"""Bytes that are read of it at a time."""
MOST_WORDS = {"cmdline": 65536, "environ": 8 << 20}
"""Bytes of a process's own words that are read. execve(2) takes 6 MiB, but a process can make them of any length (PR_SET_MM_MAP
of prctl(2)); the command lines that are looked for are short."""
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class UntrustedError(OSError):
    """What was found is not what was looked for, or says too much; `strerror` tells it in words, `filename` where."""

    def __init__(self, words: str, path: object = "") -> None:
        super().__init__(errno.EPERM, words, str(path))


# --- folders and files ---------------------------------------------------------------------------------------


def hold(folder: Path) -> int:
    """Open a folder and return its descriptor (O_PATH). OSError.

    Links on the way are followed when they are root's or our own: who may write to a folder could lead us elsewhere.
    """
    here = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    waiting, links = str(folder.absolute()).split("/")[::-1], 0
    try:
        while waiting:
            name = waiting.pop()
            if name in ("", "."):
                continue
            found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            what = os.fstat(found)
            if stat.S_ISLNK(what.st_mode):
                target = _target_of(found, what, folder)
                links += 1
                if links > LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))  # noqa: TRY301
                waiting += target.split("/")[::-1]
                if not target.startswith("/"):
                    continue
                found = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            elif not stat.S_ISDIR(what.st_mode):
                os.close(found)
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))  # noqa: TRY301
            os.close(here)
            here = found
    except BaseException:
        os.close(here)
        raise
    return here


def _target_of(link: int, what: os.stat_result, path: Path) -> str:
    try:
        if what.st_uid not in (0, os.geteuid()):
            raise UntrustedError(f"a link of another user (number {what.st_uid}) stands in its way", path)
        return os.readlink("", dir_fd=link)  # readlinkat(2) of a descriptor
    finally:
        os.close(link)


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """Hold a folder; see `hold`."""
    descriptor = hold(folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _looked_at(path: Path, kind: int, owner: int) -> Iterator[int]:
    """Yield a descriptor (O_PATH) of what stands at the path, when it is of that kind and has that owner. OSError."""
    with held(path.parent) as folder:
        found = os.open(path.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        what = os.fstat(found)
        if stat.S_IFMT(what.st_mode) != kind:
            wanted, now = KINDS[kind], KINDS.get(stat.S_IFMT(what.st_mode), "a device")
            raise UntrustedError(f"it is {now}, not {wanted}", path)
        if what.st_uid != owner:
            raise UntrustedError(f"it belongs to another user (number {what.st_uid}, not {owner})", path)
        if what.st_nlink > 1 and kind == stat.S_IFREG:
            raise UntrustedError("it has more names than this one (hard links)", path)
        yield found
    finally:
        os.close(found)


def status_of_file(path: Path, owner: int) -> os.stat_result:
    """Return the status of a regular file that has one name and that owner; nothing is opened. OSError."""
    with _looked_at(path, stat.S_IFREG, owner) as found:
        return os.fstat(found)


def read_file(path: Path, owner: int, start: int, most: int) -> bytes:
    """Read the end of a regular file that has one name and that owner: `most` bytes at most, none before `start`. OSError."""
    with _looked_at(path, stat.S_IFREG, owner) as found:
        descriptor = os.open(PROC / str(found), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        file.seek(max(start, file.seek(0, os.SEEK_END) - most))
        return file.read(most) or b""


def read_any(path: Path) -> bytes:
    """Read a regular file of whomever, up to `LONGEST` bytes; links are followed. OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would be waited for
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            raise UntrustedError(f"it is {KINDS.get(kind, 'a device')}, not a file", path)
        content = bytearray()
        while piece := os.read(descriptor, min(PIECE, LONGEST + 1 - len(content))):
            content += piece
    finally:
        os.close(descriptor)
    if len(content) > LONGEST:
        raise UntrustedError(f"it is longer than {LONGEST} bytes", path)
    return bytes(content)


# --- sockets -------------------------------------------------------------------------------------------------


def user_of(path: Path) -> int:
    """Return the number of the user who may listen on a socket: the owner of its folder. OSError.

    When a careless hand has given the folder to root, that of the socket: nobody but root can have put it there since.
    """
    with held(path.parent) as folder:
        owner = os.fstat(folder).st_uid
        if owner == 0:
            owner = os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_uid
    return owner


def connect(path: Path, timeout: float) -> socket.socket:
    """Connect to a unix socket whose listener is the user of `user_of`. OSError.

    `timeout` in seconds, for the connection and as the socket's own.
    """
    owner = user_of(path)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.settimeout(timeout)
        with _looked_at(path, stat.S_IFSOCK, owner) as found:
            client.connect(str(PROC / str(found)))
        _, user, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if user != owner:
            raise UntrustedError(f"another user answers (number {user}, not {owner})", path)  # noqa: TRY301
    except BaseException:
        client.close()
        raise
    return client


class BoundedReader(io.RawIOBase):
    """Reads what a socket sends: until `deadline` (monotonic clock) in all, and `most` bytes. TimeoutError, UntrustedError."""

    def __init__(self, client: socket.socket, deadline: float, most: int) -> None:
        super().__init__()
        self._client, self._deadline, self._most = client, deadline, most
        self._left = most

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Receive what has come."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        self._client.settimeout(left)
        count = self._client.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise UntrustedError(f"it sends more than {self._most} bytes")
        return count

    def line(self) -> bytes:
        """Return what comes until a line's end, or the end of all. OSError."""
        line, piece = bytearray(), bytearray(65536)
        while not line.endswith(b"\n") and (count := self.readinto(piece)):
            line += piece[:count]
        return bytes(line)


# --- processes -----------------------------------------------------------------------------------------------


def words_of(process: Path, what: str) -> bytes:
    """Read the beginning of `cmdline` or `environ` of a process of /proc: `MOST_WORDS` bytes at most. OSError.

    What stands there is that process's own memory, which its user may have made so that reading it takes for ever. So who is
    more than that user looks first whose it is.
    """
    with (process / what).open("rb") as file:
        return file.read(MOST_WORDS[what])


def runs_as(pid: int, users: set[int]) -> bool:
    """Tell whether a process runs, and all its user numbers are of these: proc_pid_status(5). /proc/PID's owner may be root."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace") if pid > 0 else ""
    except OSError:
        return False
    found = re.search(r"(?m)^Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$", text)
    return found is not None and {int(number) for number in found.groups()} <= users


def send_signals(pid: int, users: set[int], *numbers: signal.Signals) -> bool:
    """Send signals to a process of these users; whether it was one. What says which process it is may be the user's own word.

    It is held by pidfd_open(2) while it is looked at, so a process that gets its number meanwhile is not meant.
    """
    try:
        handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") and pid > 0 else -1
    except OSError as error:
        if error.errno != errno.ENOSYS:  # before Linux 5.3
            return False
        handle = -1
    try:
        if not runs_as(pid, users):
            return False
        for number in numbers:
            if handle >= 0:
                signal.pidfd_send_signal(handle, number)
            else:
                os.kill(pid, number)
    except ProcessLookupError:
        return False
    finally:
        if handle >= 0:
            os.close(handle)
    return True
