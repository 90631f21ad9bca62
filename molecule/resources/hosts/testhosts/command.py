"""Running commands, talking to people, and the names that test hosts carry in podman."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PREFIX = "mooring"
LABEL = "mooring.test-hosts"
IMAGE_REPOSITORY = "localhost/mooring-host"

# Before a command that mounts things and starts others: its mounts are seen by itself alone, and the kernel
# kills it with all that it has started when whoever ran it dies (PR_SET_PDEATHSIG; pid_namespaces(7), the end
# of the first process).
CONFINED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"),
)


class HostsError(Exception):
    """What went wrong and the way out, in words for whoever ran the command."""


def say(line: str) -> None:
    """Tell what is being done, on stderr."""
    sys.stderr.write(f"hosts: {line}\n")
    sys.stderr.flush()


def run(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    check: bool = True,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it said; `timeout` in seconds.

    Raises HostsError with the command's own words when it is missing, fails (unless `check` is false) or takes
    too long.
    """
    words = [str(word) for word in arguments]
    try:
        process = subprocess.Popen(
            words,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise HostsError(f"{words[0]} is not installed. Run, as root: {HERE / 'hosts'} install") from error
    with process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise HostsError(f"`{' '.join(words)}` did not end within {timeout} s") from error
        except BaseException:
            _end(process)
            raise
    if check and process.returncode != 0:
        said = (stderr or stdout).strip()
        raise HostsError(f"`{' '.join(words)}` failed (exit status {process.returncode}):\n{said}")
    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)


def _end(process: subprocess.Popen[str]) -> None:
    """End a command with everything that it started, given 30 s to clean up after itself."""
    # A command that ended just now has no process left to be told.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def podman(
    *arguments: str | Path, check: bool = True, timeout: float | None = 120
) -> subprocess.CompletedProcess[str]:
    """Run podman with the project's own containers.conf, whatever the machine's says."""
    environment = {"CONTAINERS_CONF": str(HERE / "containers.conf")}
    return run(["podman", *arguments], environment=environment, check=check, timeout=timeout)
