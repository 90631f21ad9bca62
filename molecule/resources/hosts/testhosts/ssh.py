"""How a run's hosts are reached: keys made for this run alone, and one ssh_config that names them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from . import record
from .command import podman, run
from .record import Host

USER = "deploy"
KEY = "id_ed25519"
HOST_KEY = "host_key"
CONFIG = "ssh_config"
KNOWN_HOSTS = "known_hosts"

# A lost host is noticed within 15 s (ServerAlive…); the user's own ssh configuration has no say. A connection is
# kept open for the next command (ControlMaster), since each of a test's checks is one.
CONFIG_OF_ALL = """\
Host *
  User {user}
  IdentityFile "{folder}/{key}"
  IdentitiesOnly yes
  BatchMode yes
  StrictHostKeyChecking yes
  UserKnownHostsFile "{folder}/{known_hosts}"
  GlobalKnownHostsFile /dev/null
  ConnectTimeout 10
  ServerAliveInterval 5
  ServerAliveCountMax 3
  ControlMaster auto
  ControlPath {control}/%n
  ControlPersist 60
"""
CONFIG_OF_HOST = """\
Host {host.name} {host.address} {host.address6}
  HostName {host.address}
  HostKeyAlias {host.name}

"""


def prepare(folder: Path) -> None:
    """Make the key that this run logs in with (it never leaves `folder`), and the place of open connections."""
    record.control_folder(record.run_id(folder)).mkdir(mode=0o700, exist_ok=True)
    (folder / KEY).unlink(missing_ok=True)
    _keygen(folder / KEY, "mooring test hosts")


def give_keys(host: Host, folder: Path) -> str:
    """Give a container, not started yet, its host key and the run's public key; return its known_hosts line."""
    host_key = folder / HOST_KEY
    host_key.unlink(missing_ok=True)
    _keygen(host_key, host.name)
    public = (folder / f"{HOST_KEY}.pub").read_text()
    podman("cp", host_key, f"{host.container}:/etc/ssh/ssh_host_ed25519_key")
    podman("cp", f"{host_key}.pub", f"{host.container}:/etc/ssh/ssh_host_ed25519_key.pub")
    podman("cp", folder / f"{KEY}.pub", f"{host.container}:/home/{USER}/.ssh/authorized_keys")
    host_key.unlink()
    return f"{host.name} {public}"


def write_config(hosts: Iterable[Host], known_hosts: Iterable[str], folder: Path) -> None:
    """Write `ssh -F <folder>/ssh_config <host>`, and what it needs."""
    (folder / KNOWN_HOSTS).write_text("".join(known_hosts))
    general = CONFIG_OF_ALL.format(
        user=USER,
        folder=folder,
        key=KEY,
        known_hosts=KNOWN_HOSTS,
        control=record.control_folder(record.run_id(folder)),
    )
    (folder / CONFIG).write_text("".join(CONFIG_OF_HOST.format(host=host) for host in hosts) + general)


def end_connections(run_id: str) -> None:
    """End the connections that ssh and Ansible keep open for the next command.

    One to a host that is gone, or was, would be tried in vain.
    """
    for socket in record.control_folder(run_id).glob("*"):
        # One whose master has ended is a name that nobody answers to.
        run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "host"], check=False, timeout=10)
        socket.unlink(missing_ok=True)


def close(run_id: str) -> None:
    """End the connections for good."""
    end_connections(run_id)
    if record.control_folder(run_id).is_dir():
        record.control_folder(run_id).rmdir()


def forget(folder: Path) -> None:
    """Remove everything that this module wrote for the run of `folder`, after ending its connections."""
    close(record.run_id(folder))
    for name in (KEY, f"{KEY}.pub", HOST_KEY, f"{HOST_KEY}.pub", CONFIG, KNOWN_HOSTS):
        (folder / name).unlink(missing_ok=True)


def _keygen(path: Path, comment: str) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
