"""`find-server`: tells whether a supervisord with this configuration runs, and has it answer.

Its silence is no proof that there is none: somebody may have removed its control socket (the plugin makes it again
within 5 s), it may be ending, or stopped. A second one beside it would have the same files and not one of its ports.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from mooring.control.errors import ControlError
from mooring.control.server import Server, polling


def find_server(server: Server, conf: Path, timeout: float) -> int:
    """Return the pid of the supervisord that was started with `conf`, 0 when there is none.

    ControlError when there is one that does not answer within `timeout` seconds.
    """
    pid, why = 0, ""
    for _ in polling(timeout):
        try:
            return int(server.call("supervisor.getPID"))
        except ControlError as error:
            why = str(error)
        pid = _started_with(conf)
        if not pid:
            return 0
    raise ControlError(
        f"supervisord (process {pid}) of {conf} runs and does not answer: {why}. It serves on; to have it"
        f" managed again end it, which closes its ports until the next deploy: kill -CONT {pid}; kill {pid}"
    )


def _started_with(conf: Path) -> int:
    """Look for the process in /proc: its command line names supervisord and the file (proc_pid_cmdline(5)).

    One of another pid namespace is a container's, which may have the same paths.
    """
    ours = _pid_namespace(Path("/proc/self"))
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended since, or is not ours to look into
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            program = any(Path(word).name == "supervisord" for word in words)
            if (
                program
                and any(word.endswith(str(conf)) for word in words)
                and _pid_namespace(process) == ours
            ):
                return int(process.name)
    return 0


def _pid_namespace(process: Path) -> Path:
    return (process / "ns/pid").readlink()
