"""What a process that failed, or hangs, had to say: in its log since this start, and supervisord of it."""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mooring import texts, untrusted
from mooring.host.errors import HostError
from mooring.host.server import Process, Server, polling
from mooring.status_socket import END_OF_STACKS

LINES = 20
STACK_LINES = 60  # with the stacks of a hanging process: an import alone has 20
TAIL = 16384  # bytes at the end of a log that are looked at
STACK_TIMEOUT = 3  # seconds for a stack to arrive in the log
TROUBLE = (
    " WARN ",
    " ERRO ",
    " CRIT ",
    " spawnerr: ",
)  # what supervisord's own log tells of a start that fails


@dataclass(frozen=True)
class Marks:
    """Where the logs ended before a start, so that no line of an earlier one is taken for a word of this one."""

    logs: dict[str, list[int]] = field(default_factory=dict)
    """Inode and size of each log, [0, 0] when there was none."""
    server: str = ""
    """The last line of supervisord's own log."""

    def as_json(self) -> dict[str, Any]:
        """Return it for a later command: `from_json` takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Marks:
        """Return what `as_json` has told."""
        return cls(
            {str(path): [int(n) for n in at] for path, at in found["logs"].items()}, str(found["server"])
        )


def marks_of(server: Server, groups: list[str]) -> Marks:
    """Note where the logs of these groups end now, those of the configuration as last read. HostError."""
    logs: dict[str, list[int]] = {}
    for info in server.rows("supervisor.getAllConfigInfo", {"group": str}):
        for log in (info.get("stderr_logfile"), info.get("stdout_logfile")):
            if info["group"] in groups and isinstance(log, str) and log.startswith("/"):
                logs[log] = _inode_and_size(Path(log), server.owner())
    lines = _server_log(server)
    return Marks(logs, lines[-1] if lines else "")


def last_words(
    process: Process, server: Server | None = None, marks: Marks | None = None, lines: int = LINES
) -> str:
    """Return the last lines of a process's log since the marks, indented, under a headline that says whose they are.

    With the server, what supervisord itself tells of the start: why it could not spawn the process.
    """
    said = []
    if process.spawn_error:
        said.append(f"supervisord could not start {process.full_name}: {process.spawn_error}")
        if process.log and "dispatchers" in process.spawn_error:
            said.append(
                f"  it cannot open {process.log}: is the folder there, and does it belong to the service user?"
            )
    if server and marks:
        said += [f"  supervisord: {line}" for line in _server_words(server, marks)]
    return "\n".join([*said, _own_words(process, marks, lines)])


def _own_words(process: Process, marks: Marks | None, most: int = LINES) -> str:
    if process.log is None:
        return f"{process.full_name} has no log file (stderr_logfile)."
    mark = marks.logs.get(str(process.log)) if marks else None
    try:
        owner = process.log_owner
        text = _tail(process.log, owner) if mark is None else _since(process.log, owner, *mark)
    except OSError as error:
        return f"{process.full_name}: its log can't be read: {process.log}: {error.strerror}"
    said = (texts.plain(line.rstrip(), "\t") for line in text.splitlines() if line.strip())
    lines = deque(said, most)
    if not lines:
        since = "is empty" if mark is None else "has no line of this start"
        return f"{process.full_name} has said nothing ({process.log} {since})."
    return f"last words of {process.full_name} ({process.log}):\n" + "\n".join(f"  {line}" for line in lines)


def _server_words(server: Server, marks: Marks) -> list[str]:
    """Return what supervisord's log has of trouble since the mark; all of its end when the mark is not there any more."""
    lines = _server_log(server)
    if marks.server in lines:
        lines = lines[len(lines) - lines[::-1].index(marks.server) :]
    return list(dict.fromkeys(line for line in lines if any(each in line for each in TROUBLE)))[-LINES // 2 :]


def _server_log(server: Server) -> list[str]:
    try:
        # From before the end; a log that is shorter is given whole
        return server.lines("supervisor.readLog", -TAIL, 0)
    except HostError:  # it logs elsewhere, or into a file that is gone
        return []


def stack_of(server: Server, process: Process, marks: Marks | None = None) -> str:
    """Have a hanging process write its Python stacks into its log, and return its last words with them.

    The worker registers faulthandler for SIGUSR1: that answers from C, whatever the interpreter is busy with. The stacks of
    green threads come behind it, unless the interpreter is blocked.
    """
    if _is_stopped(process.pid):
        words = last_words(process, server, marks)
        return f"{words}\n  (it is stopped, as by SIGSTOP, and can give no stack)"
    before = _inode_and_size(process.log, process.log_owner)[1]
    try:
        server.call("supervisor.signalProcess", process.full_name, "USR1")
    except HostError as error:
        return f"{last_words(process, server, marks)}\n  (it could not be asked for its stack: {error})"
    for _ in polling(STACK_TIMEOUT):
        if END_OF_STACKS in _own_words(process, marks, STACK_LINES):
            break
    words = last_words(process, server, marks, STACK_LINES)
    if _inode_and_size(process.log, process.log_owner)[1] > before:
        return words
    return f"{words}\n  (asked for its stack by SIGUSR1, it gave none within {STACK_TIMEOUT} s)"


def _is_stopped(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "T"  # proc_pid_stat(5)


def _inode_and_size(log: Path | None, owner: int) -> list[int]:
    """Return inode and size, [0, 0] without a file: last_words tells."""
    with contextlib.suppress(OSError):
        if log:
            found = untrusted.status_of_file(log, owner)
            return [found.st_ino, found.st_size]
    return [0, 0]


def _since(log: Path, owner: int, inode: int, size: int) -> str:
    """Return what came after the mark; the log may have been rotated (its old part is `.1` then) or truncated since."""
    old = log.with_name(f"{log.name}.1")
    now, before = _inode_and_size(log, owner), _inode_and_size(old, owner)
    if now[0] == inode:
        return _tail(log, owner, size if now[1] >= size else 0)
    rest = _tail(old, owner, size) if inode and before[0] == inode else ""
    return rest + _tail(log, owner)


def _tail(log: Path, owner: int, start: int = 0) -> str:
    """Return the end of a log, which stands in a folder of the service user and is named by its supervisord. OSError."""
    return untrusted.read_file(log, owner, start, TAIL).decode("utf-8", "replace")
