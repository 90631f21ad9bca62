"""Faults of whole hosts and of their network, for the tests that inject them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import record, ssh, waiting
from .command import HostsError, podman, run
from .record import Host


def lose(host: Host, folder: Path) -> None:
    """Cut the power of a host: every process on it is gone at once, and nobody is told, not even by a refusal."""
    cut(host, folder)
    podman("kill", "--signal", "KILL", host.container)


def restore(host: Host, folder: Path) -> None:
    """Give a lost host its power back: it boots, with the disk and the addresses that it had."""
    ssh.end_connections(record.run_id(folder))
    podman("start", host.container)
    waiting.until_up([host], folder)


def cut(host: Host, _folder: Path) -> None:
    """Pull the network cable: the host goes on, nobody reaches it, connections hang in both directions."""
    run(["ip", "link", "set", "dev", _cable(host), "down"])


def join(host: Host, _folder: Path) -> None:
    """Plug the network cable of a cut host in again."""
    run(["ip", "link", "set", "dev", _cable(host), "up"])


def freeze(host: Host, _folder: Path) -> None:
    """Let a host hang: its kernel still accepts connections, no process answers."""
    _pid(host)
    podman("pause", host.container)


def thaw(host: Host, _folder: Path) -> None:
    """Let a frozen host go on."""
    podman("unpause", host.container)


def hangup(host: Host, folder: Path) -> None:
    """End ssh: open connections are cut, new ones are refused; all else on the host goes on."""
    podman("exec", host.container, "sh", "-c", "systemctl stop ssh.socket ssh.service; pkill sshd || true")
    ssh.end_connections(record.run_id(folder))


def answer(host: Host, folder: Path) -> None:
    """Start ssh again, in the way in which the distribution starts it."""
    started = (
        "systemctl is-enabled --quiet ssh.socket && systemctl start ssh.socket || systemctl start ssh.service"
    )
    podman("exec", host.container, "sh", "-c", started)
    waiting.until_up([host], folder)


FAULTS: dict[str, Callable[[Host, Path], None]] = {
    each.__name__: each for each in (lose, restore, cut, join, freeze, thaw, hangup, answer)
}


def _cable(host: Host) -> str:
    """Return this machine's end of the pair of interfaces that connects a host."""
    # Read from outside: a frozen host runs no command.
    other_end = Path(f"/proc/{_pid(host)}/root/sys/class/net/eth0/iflink").read_text().strip()
    for interface in Path("/sys/class/net").iterdir():
        if (interface / "ifindex").read_text().strip() == other_end:
            return interface.name
    raise HostsError(
        f"{host.name} has no network cable: no interface of this machine has the index {other_end}"
    )


def _pid(host: Host) -> int:
    """Return the process id, on this machine, of the host's PID 1; raises HostsError when the host is down."""
    pid = int(podman("inspect", "--format", "{{.State.Pid}}", host.container).stdout)
    if pid == 0:
        raise HostsError(f"{host.name} is down. Give it its power back first: hosts restore {host.name}")
    return pid
