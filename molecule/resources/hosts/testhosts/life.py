"""The life of a run: make its network and hosts, wait until they are up, remove them without a trace."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path

from . import image, machine, record, ssh, waiting
from .command import LABEL, HostsError, podman, say
from .record import Host

# Below it are the gateway and what podman may hand out by itself.
FIRST_ADDRESS = 11


def create(folder: Path, wanted: Mapping[str, str]) -> list[Host]:
    """Make the hosts `wanted` (name: image) as the run of `folder`, and return them once ssh answers on all.

    Installs and builds what is missing. Raises HostsError with the way out; then nothing of the run is left.
    """
    machine.install()
    folder.mkdir(parents=True, exist_ok=True)
    run = record.run_id(folder)
    images = {name: image.Image.parse(text) for name, text in wanted.items()}
    if _containers(f"{LABEL}={run}"):
        raise HostsError(
            f"the run of {folder} has hosts already. Remove them first: hosts destroy --folder {folder}"
        )
    for each in dict.fromkeys(images.values()):
        image.ensure(each)
    try:
        hosts = _start(folder, run, images)
        waiting.until_up(hosts, folder)
    except BaseException:
        destroy(folder)
        raise
    return hosts


def _start(folder: Path, run: str, images: Mapping[str, image.Image]) -> list[Host]:
    """Make the network, give each host its addresses and keys, and start it."""
    ssh.prepare(folder)
    network = record.network_of(run)
    subnet, subnet6 = _make_network(network, run)
    hosts = []
    known_hosts = []
    for number, (name, of) in enumerate(images.items(), FIRST_ADDRESS):
        host = Host(name, str(of), record.container_of(run, name), str(subnet[number]), str(subnet6[number]))
        _make_container(host, of, network, run)
        known_hosts.append(ssh.give_keys(host, folder))
        podman("start", host.container)
        hosts.append(host)
    ssh.write_config(hosts, known_hosts, folder)
    record.write(folder, hosts)
    return hosts


def _make_network(network: str, run: str) -> tuple[ipaddress.IPv4Network, ipaddress.IPv6Network]:
    """Make a network without a way out: hosts reach each other and this machine, but no package registry."""
    podman("network", "create", "--internal", "--ipv6", "--label", f"{LABEL}={run}", network)
    entries = json.loads(podman("network", "inspect", network).stdout)[0]["subnets"]
    subnets = sorted((entry["subnet"] for entry in entries), key=lambda subnet: ":" in subnet)
    return ipaddress.IPv4Network(subnets[0]), ipaddress.IPv6Network(subnets[1])


def _make_container(host: Host, of: image.Image, network: str, run: str) -> None:
    """Make one container, not started.

    CAP_SYS_ADMIN: without it systemd silently leaves out the sandboxing of units (ProtectSystem=, PrivateTmp= …),
    and a hardened unit would be tested that is none. CAP_SYS_PTRACE: a machine's root may read in /proc what every
    process has open. Restart always, fixed addresses: `reboot` inside is a reboot.
    """
    podman(
        "create",
        "--name",
        host.container,
        "--hostname",
        host.name,
        "--label",
        f"{LABEL}={run}",
        "--network",
        network,
        "--network-alias",
        host.name,
        "--ip",
        host.address,
        "--ip6",
        host.address6,
        "--mac-address",
        host.mac_address,
        "--systemd=always",
        "--cap-add=SYS_ADMIN,SYS_PTRACE",
        "--restart=always",
        of.name,
    )


def destroy(folder: Path) -> None:
    """Remove everything that belongs to the run of `folder`; what is not there is no error."""
    machine.require_root()
    if machine.has_podman():
        _remove(record.run_id(folder))
    ssh.forget(folder)
    (folder / record.FILE).unlink(missing_ok=True)


def purge() -> None:
    """Remove the hosts and networks of all runs of this machine, and all images."""
    machine.require_podman()
    for run in _runs():
        _remove(run)
        ssh.close(run)
        say(f"removed the run {run}")
    image.remove_all()


def _remove(run: str) -> None:
    """Remove a run's containers and then its network, by label."""
    containers = _containers(f"{LABEL}={run}")
    if containers:
        podman("rm", "--force", "--time", "0", "--volumes", *containers)
    for network in podman("network", "ls", "--quiet", "--filter", f"label={LABEL}={run}").stdout.split():
        podman("network", "rm", network)


def _containers(label: str) -> list[str]:
    return podman("ps", "--all", "--quiet", "--filter", f"label={label}").stdout.split()


def _runs() -> list[str]:
    """Return the ids of all runs that have a container or a network."""
    names = podman(
        "ps", "--all", "--format", f'{{{{index .Labels "{LABEL}"}}}}', "--filter", f"label={LABEL}"
    ).stdout.split()
    networks = podman("network", "ls", "--format", "json", "--filter", f"label={LABEL}").stdout
    names += [network["labels"][LABEL] for network in json.loads(networks or "[]")]
    return sorted(set(names))
