"""What is written down of a run: `hosts.json` in its folder, read by the inventory and by the faults."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .command import PREFIX, HostsError

FILE = "hosts.json"


@dataclass(frozen=True)
class Host:
    """One host: its name (in the inventory, to itself and to the other hosts), its container, its addresses."""

    name: str
    image: str
    container: str
    address: str
    address6: str

    @property
    def mac_address(self) -> str:
        """The hardware address: it follows from `address`, so that after a reboot no neighbour holds a stale one."""
        return "02:00:" + ":".join(f"{byte:02x}" for byte in ipaddress.ip_address(self.address).packed)


def run_id(folder: Path) -> str:
    """Return the id of the run that belongs to `folder`.

    It follows from the folder alone: what a killed run left is found again when its records are gone.
    """
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]


def network_of(run: str) -> str:
    """Return the name of a run's network in podman."""
    return f"{PREFIX}-{run}"


def container_of(run: str, name: str) -> str:
    """Return the name of a host's container in podman."""
    return f"{PREFIX}-{run}-{name}"


def control_folder(run: str) -> Path:
    """Return where ssh keeps the sockets of a run's open connections.

    Not in the run's own folder: the path of a unix socket has 107 bytes (unix(7)), and that folder may lie deep.
    """
    return Path("/run") / f"{PREFIX}-{run}"


def write(folder: Path, hosts: list[Host]) -> None:
    """Write down which hosts the run in `folder` has."""
    record = {"network": network_of(run_id(folder)), "hosts": [asdict(host) for host in hosts]}
    (folder / FILE).write_text(json.dumps(record, indent=2) + "\n")


def read(folder: Path) -> list[Host]:
    """Return the hosts of the run in `folder`; none before `create` and after `destroy`."""
    try:
        record = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return []
    return [Host(**host) for host in record["hosts"]]


def find(folder: Path, name: str) -> Host:
    """Return one host of the run in `folder`; raises HostsError, which lists the hosts that there are."""
    hosts = read(folder)
    for host in hosts:
        if host.name == name:
            return host
    there_are = ", ".join(host.name for host in hosts) or "none: create them first"
    raise HostsError(f"the run in {folder} has no host {name!r}; there are: {there_are}")
