"""What bootstrap and worker do alike with their own process: its name, and its end when supervisord ends."""

from __future__ import annotations

import ctypes
import os
import select
import signal

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def set_title(*words: str) -> None:
    """Name this process `mooring: <words>` for `ps`, such as `mooring: multicloud blue 0 (django)`."""
    from setproctitle import setproctitle  # noqa: PLC0415 - supervisord's virtualenv, which names itself, has none

    setproctitle(title_of(*words))


def title_of(*words: str) -> str:
    """Return the name that `set_title` gives."""
    return "mooring: " + " ".join(words)


def die_with_parent(signum: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send `signum` to this process when supervisord ends, however it ends.

    So no orphan ever holds the port: a killed supervisord can be started again at once. PR_SET_PDEATHSIG of
    prctl(2): it does not pass on to children, and fires when the thread ends that forked us (supervisord
    has only one). If the parent is gone already, `signum` is raised here and now. OSError when the kernel
    refuses.
    """
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl(PR_SET_PDEATHSIG): {os.strerror(code)}")
    if os.getppid() != parent or _nobody_reads(2):
        os.kill(os.getpid(), signum)


def _nobody_reads(fd: int) -> bool:
    """Tell whether `fd` is a pipe without a reader: then supervisord ended before it could be watched."""
    poll = select.poll()
    poll.register(fd, 0)  # POLLERR is always reported: poll(2), on the write end of a pipe
    return any(event & select.POLLERR for _, event in poll.poll(0))
