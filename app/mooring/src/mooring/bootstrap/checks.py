"""What the workers will need, tried before any of them starts."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

from mooring.settings import RESERVE, Settings, variable

LISTENER = 0
LOOK = 0.02  # seconds between two looks whether a trial has ended
TRIAL_GRACE = 10  # seconds on top, after which a trial is ended from outside

# Loads the application as a worker will, in a process of its own: whatever it does there, it does not do to
# us. faulthandler ends it in time, even if it hangs in C, and tells where; os._exit leaves no thread to
# wait for.
TRIAL = """
import faulthandler, os, signal, sys
faulthandler.dump_traceback_later(float(sys.argv[2]), exit=True)
from mooring import process, texts
process.die_with_parent(signal.SIGKILL)
if os.getppid() != int(sys.argv[3]):
    os._exit(1)  # the bootstrap ended before it could be watched
from mooring.worker.application import ApplicationError, load
entry = sys.argv[1]
try:
    load(entry)
except ApplicationError as error:
    texts.write_lines(sys.stderr, "\\n" + texts.plain(error))
    os._exit(1)
os._exit(0)
"""


class NotFitError(Exception):
    """Something that the workers need is not as it must be; the text is one sentence, with the way out."""


def check(settings: Settings) -> None:
    """Check all of it, the quick first. NotFitError."""
    check_listener()
    check_run_dir(settings)
    check_open_files(settings)
    check_application(settings)


def check_listener() -> None:
    """Look at descriptor 0: it must be a listening stream socket (FastCGI specification, 2.2)."""
    who = (
        "supervisord's [fcgi-program] gives one; was this started outside of supervisord, or as a [program]?"
    )
    try:
        if not stat.S_ISSOCK(os.fstat(LISTENER).st_mode):
            raise NotFitError(f"file descriptor 0 is not a socket: {who}")
    except OSError as error:
        raise NotFitError(f"file descriptor 0 is closed: {who}") from error
    with socket.socket(fileno=os.dup(LISTENER)) as listener:
        listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if listener.type != socket.SOCK_STREAM or not listens:
        raise NotFitError(f"file descriptor 0 is a socket that does not listen: {who}")


def check_run_dir(settings: Settings) -> None:
    """Make a file in the run directory: it must be there, ours to write, and its disk not full."""
    try:
        with tempfile.TemporaryFile(dir=settings.run_dir) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        raise NotFitError(
            f"{variable('run_dir')}: no file can be made in {settings.run_dir} by uid {os.geteuid()}:"
            f" {error.strerror}"
        ) from error


def check_open_files(settings: Settings) -> None:
    """Compare the hard limit on open files with all connections of a worker, which raises its soft limit itself."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = settings.max_connections + RESERVE
    if limit != resource.RLIM_INFINITY and limit < need:
        raise NotFitError(
            f"{variable('max_connections')} is {settings.max_connections}, which needs {need} open files, but"
            f" {limit} are allowed: lower it, or raise the hard limit that supervisord was started with (ulimit -Hn)"
        )


def check_application(settings: Settings) -> None:
    """Load the application, in a process of its own and within the import timeout."""
    with tempfile.TemporaryFile() as said:  # a pipe would not end before the trial's own children
        trial = subprocess.Popen(
            [sys.executable, "-c", TRIAL, settings.app, str(settings.import_timeout), str(os.getpid())],
            stdin=subprocess.DEVNULL,  # not descriptor 0: it must never hold the shared socket
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        _await(trial, settings.import_timeout + TRIAL_GRACE)
        said.seek(0)
        errors = said.read()
    if trial.returncode:
        why = _why(settings, trial.returncode, errors.decode("utf-8", "replace"))
        raise NotFitError(f"{variable('app')}={settings.app} cannot be loaded: {why}")


def _await(trial: subprocess.Popen[bytes], timeout: float) -> None:
    """Wait for the trial's end for so many seconds, and end all that it has started (a pool of processes, say)."""
    # Its end is noted and its process kept, so that its group is nobody else's yet: waitid(2), WNOWAIT
    deadline = time.monotonic() + timeout
    while not os.waitid(os.P_PID, trial.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK)
    os.killpg(trial.pid, signal.SIGKILL)
    trial.wait()


def _why(settings: Settings, status: int, errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    frames = [line for line in lines if line.startswith('File "')]
    if any(line.startswith("Timeout (") for line in lines):  # faulthandler's headline
        return (
            f"it has not ended within {settings.import_timeout:g} s ({variable('import_timeout')}), and is at"
            f" {frames[0] if frames else 'an unknown place'}"
        )
    if status < 0:
        return f"it died of {signal.Signals(-status).name}" + (f": {lines[-1]}" if lines else "")
    return lines[-1] if lines else f"it ended the process with status {status}"
