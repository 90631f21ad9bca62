"""What a process that failed, or hangs, had to say."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from mooring.control.errors import ControlError
from mooring.control.server import Process, Server, polling

LINES = 20
TAIL = 16384  # bytes at the end of the log that are looked at
STACK_TIMEOUT = 3  # seconds for a stack to arrive in the log


def last_words(process: Process) -> str:
    """Return the last lines of a process's log, indented, under a headline that says whose they are."""
    if process.log is None:
        return f"{process.full_name} has no log file (stderr_logfile)."
    try:
        text = _tail(process.log)
    except OSError as error:
        return f"{process.full_name}: its log can't be read: {process.log}: {error.strerror}"
    lines = deque((line.rstrip() for line in text.splitlines() if line.strip()), LINES)
    if not lines:
        return f"{process.full_name} has said nothing ({process.log} is empty)."
    return f"last words of {process.full_name} ({process.log}):\n" + "\n".join(f"  {line}" for line in lines)


def stack_of(server: Server, process: Process) -> str:
    """Have a hanging process write its Python stacks into its log, and return its last words with them.

    The worker registers faulthandler for SIGUSR1: that answers from C, whatever the interpreter is busy with.
    """
    if _is_stopped(process.pid):
        return f"{last_words(process)}\n  (it is stopped, as by SIGSTOP, and can give no stack)"
    before = _size(process.log)
    try:
        server.call("supervisor.signalProcess", process.full_name, "USR1")
    except ControlError as error:
        return f"{last_words(process)}\n  (it could not be asked for its stack: {error})"
    previous = before
    for _ in polling(STACK_TIMEOUT):
        size = _size(process.log)
        if size > before and size == previous:  # something came, and no more is coming
            return last_words(process)
        previous = size
    return f"{last_words(process)}\n  (asked for its stack by SIGUSR1, it gave none within {STACK_TIMEOUT} s)"


def _is_stopped(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "T"  # proc_pid_stat(5)


def _size(log: Path | None) -> int:
    try:
        return log.stat().st_size if log else 0
    except OSError:  # last_words tells
        return 0


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        return file.read().decode("utf-8", "replace")
