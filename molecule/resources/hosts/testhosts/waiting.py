"""Waiting until hosts are up, and telling the last words of one that is not."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from . import ssh
from .command import HostsError, podman, run
from .record import Host

DEADLINE = 120.0  # seconds for all hosts together; one takes about two
PAUSE = 0.1  # seconds between two looks


def until_up(hosts: Iterable[Host], folder: Path) -> None:
    """Return when systemd has started everything on every host and `sudo` works there over ssh.

    Raises HostsError with the failed units, or the last words of the container, when a host does not come up.
    """
    deadline = time.monotonic() + DEADLINE
    for host in hosts:
        _until_running(host, deadline)
        _until_reachable(host, folder, deadline)


def _until_running(host: Host, deadline: float) -> None:
    """Wait for systemctl(1) `is-system-running` to say running; degraded means that a unit has failed."""
    while True:
        state = podman("exec", host.container, "systemctl", "is-system-running", check=False).stdout.strip()
        if state == "running":
            return
        if state == "degraded":
            failed = podman("exec", host.container, "systemctl", "--failed", "--plain", "--no-legend").stdout
            journal = podman("exec", host.container, "journalctl", "--no-pager", "--priority=warning").stdout
            raise HostsError(f"units failed on {host.name}:\n{failed}\n{journal}")
        status = podman("inspect", "--format", "{{.State.Status}}", host.container).stdout.strip()
        if status not in ("created", "running"):
            last_words = podman("logs", "--tail", "20", host.container, check=False)
            raise HostsError(f"{host.name} is {status}, it said:\n{last_words.stdout}{last_words.stderr}")
        _pause(deadline, f"systemd on {host.name} is {state or 'not answering yet'}")


def _until_reachable(host: Host, folder: Path, deadline: float) -> None:
    """Wait for a login as Ansible makes it, on a connection of its own."""
    ssh_with_options: list[str | Path] = ["ssh", "-F", folder / ssh.CONFIG, "-o", "ControlPath=none"]
    while True:
        login = run([*ssh_with_options, host.name, "sudo", "-n", "true"], check=False, timeout=60)
        if login.returncode == 0:
            return
        _pause(deadline, f"ssh to {host.name}: {login.stderr.strip()}")


def _pause(deadline: float, state: str) -> None:
    if time.monotonic() > deadline:
        raise HostsError(f"not up after {DEADLINE:.0f} s: {state}")
    time.sleep(PAUSE)
