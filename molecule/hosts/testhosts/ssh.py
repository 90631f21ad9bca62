"""How a run's hosts are reached: keys made for this run alone, and one ssh_config that names them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .command import podman, run
from .record import Host

USER = "deploy"
KEY = "id_ed25519"
HOST_KEY = "host_key"
CONFIG = "ssh_config"
KNOWN_HOSTS = "known_hosts"
CONTROL_FOLDER = "cp"

# A lost host is noticed within 15 s (ServerAlive…); the user's own ssh configuration has no say.
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
"""
CONFIG_OF_HOST = """\
Host {host.name} {host.address} {host.address6}
  HostName {host.address}
  HostKeyAlias {host.name}

"""


def make_key(folder: Path) -> None:
    """Make the key that this run logs in with; it never leaves `folder`."""
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
    general = CONFIG_OF_ALL.format(user=USER, folder=folder, key=KEY, known_hosts=KNOWN_HOSTS)
    (folder / CONFIG).write_text("".join(CONFIG_OF_HOST.format(host=host) for host in hosts) + general)


def close_connections(folder: Path) -> None:
    """End the connections that Ansible keeps open for the next task, and remove all that this module wrote.

    A kept connection to a host that is gone would be tried in vain by the next run at the same address.
    """
    control = folder / CONTROL_FOLDER
    if control.is_dir():
        for socket in control.iterdir():
            # One that has ended by itself left a socket that answers nothing.
            run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "host"], check=False, timeout=10)
            socket.unlink(missing_ok=True)
        control.rmdir()
    for name in (KEY, f"{KEY}.pub", HOST_KEY, f"{HOST_KEY}.pub", CONFIG, KNOWN_HOSTS):
        (folder / name).unlink(missing_ok=True)


def _keygen(path: Path, comment: str) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
