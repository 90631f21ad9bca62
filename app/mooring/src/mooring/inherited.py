"""What a program of the service user must not get from who starts it: rights, keys, a terminal, open files, signals.

A deploy as root starts supervisord (`mooring.start`) and the hooks (`mooring.host.hook`). What they run is the application's,
and is not trusted with anything of root's. Nothing of a release is loaded before `become` has returned.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import pwd
import resource
import signal
import struct
import termios
from pathlib import Path

STANDARD_STREAMS = 3
PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 3, 4, 38  # linux/prctl.h
KEYCTL_JOIN_SESSION_KEYRING = 1  # linux/keyctl.h
KEYCTL = {  # the number of keyctl(2), by machine and bits of a pointer; no library that every host has calls it
    ("x86_64", 64): 250,
    ("aarch64", 64): 219,
    ("riscv64", 64): 219,
    ("ppc64le", 64): 271,
    ("s390x", 64): 280,
    ("i686", 32): 288,
    ("x86_64", 32): 288,
    ("armv7l", 32): 311,
}


class KeptError(Exception):
    """Something cannot be given up; the text says what, and why."""


def restore_signals() -> None:
    """Give every signal its default, and block none: Python itself ignores SIGPIPE, nohup(1) SIGHUP."""
    for number in signal.valid_signals():
        with contextlib.suppress(
            OSError, ValueError
        ):  # SIGKILL and SIGSTOP, and those that libc keeps for itself
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def close_files(passed: int = 0) -> None:
    """Close all descriptors but the standard three: an agent's socket, a file with a token, another program's pipe.

    `passed` of them, which follow the three, stay open too: sockets of systemd's.
    """
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the names are numbers
        if int(name) >= STANDARD_STREAMS + passed:
            with contextlib.suppress(OSError):  # the one that the list itself was read by
                os.close(int(name))


def leave_terminal() -> None:
    """Give up the terminal: who has root's can type into root's shell (TIOCSTI), or read what root types.

    There is nothing to read from the standard input any more. An output that is a terminal can be written alone.
    Whoever is not root has nothing to keep from himself. OSError.
    """
    _replace(0, os.devnull, os.O_RDONLY)
    if os.geteuid() != 0:
        return
    for stream in (1, 2):
        if os.isatty(stream):
            _replace(stream, f"/proc/self/fd/{stream}", os.O_WRONLY | os.O_NOCTTY)
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # there is none
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what the leader of a session gets now
    try:
        fcntl.ioctl(terminal, termios.TIOCNOTTY)
    finally:
        signal.signal(signal.SIGHUP, before)
        os.close(terminal)


def _replace(stream: int, path: str, flags: int) -> None:
    descriptor = os.open(path, flags)
    if descriptor != stream:
        os.dup2(descriptor, stream)
        os.close(descriptor)


def leave_keyring() -> None:
    """Go over to a session keyring of our own (session-keyring(7)): one of root's holds root's tickets and keys. KeptError.

    To be called with the rights of who starts us, whose quota of keys is used. On a machine that KEYCTL does not have,
    the keyring stays.
    """
    number = KEYCTL.get((platform.machine(), 8 * struct.calcsize("P")))
    if number is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, KEYCTL_JOIN_SESSION_KEYRING, None) < 0:
        error = ctypes.get_errno()
        # A kernel without keys; a container whose filter keeps keyctl(2) from us, and so from all that we start.
        if error not in (errno.ENOSYS, errno.EPERM):
            raise KeptError(f"the session keyring cannot be left: {os.strerror(error)}")


def become(user: pwd.struct_passwd) -> None:
    """Become that user for good, with its groups, if we are root. KeptError.

    There is no way back by setuid(2); `refuse_new_privileges` closes the way by a program that gives rights (sudo).
    """
    if os.geteuid() != 0:
        return
    os.setgroups(os.getgrouplist(user.pw_name, user.pw_gid))
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    if (os.getresuid(), os.getresgid()) != ((user.pw_uid,) * 3, (user.pw_gid,) * 3) or _may_become_root():
        raise KeptError(f"the rights of root cannot be given up for those of {user.pw_name}")


def _may_become_root() -> bool:
    """Try it: capabilities that were locked in before (SECBIT_NO_SETUID_FIXUP) would allow it."""
    try:
        os.setuid(0)
    except PermissionError:
        return False
    return True


def refuse_new_privileges() -> None:
    """Have no program that this process or a child of it starts gain rights: sudo, a file with set-user-ID. KeptError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise KeptError(f"prctl(PR_SET_NO_NEW_PRIVS): {os.strerror(ctypes.get_errno())}")


def refuse_core_dumps() -> None:
    """Have this process and its children leave no core file when they crash: it holds all secrets of the memory.

    The limit keeps the kernel from writing one. A program that the kernel hands the core to (core_pattern of core(5)) gets one
    in spite of it, and decides by itself: the filter keeps all memory out of that.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    core_filter = Path("/proc/self/coredump_filter")
    if not core_filter.exists():  # a kernel without core files
        return
    # One that was root has a /proc/self of root's until its next execve(2): PR_SET_DUMPABLE of prctl(2)
    libc = ctypes.CDLL(None)
    dumpable = libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        core_filter.write_text("0", encoding="ascii")
    finally:
        if dumpable != 1:
            libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def allow_core_dumps() -> None:
    """Raise the soft limit on core files, which is 0 nearly everywhere, as far as the hard one allows."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
