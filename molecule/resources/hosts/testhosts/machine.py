"""The machine that carries the hosts: what it must be, and what is installed on it."""

from __future__ import annotations

import os
import shutil

from .command import HERE, HostsError, run, say

# netavark and aardvark-dns: networks and their names; iptables or nftables: what netavark calls, by its version.
PACKAGES = (
    "podman",
    "runc",
    "netavark",
    "aardvark-dns",
    "iptables",
    "nftables",
    "iproute2",
    "mmdebstrap",
    "openssh-client",
)


def require_root() -> None:
    """Refuse anyone but root: mounts, networks and cgroups of test hosts are root's."""
    if os.geteuid() != 0:
        raise HostsError(
            "test hosts need root (they are containers with systemd and networks of their own). "
            "Run this as root, or in a virtual machine where you are; "
            "the scenarios `default` and `pecan` need neither root nor containers"
        )


def missing_packages() -> list[str]:
    """Return what test hosts need of PACKAGES and the machine has not installed."""
    if not shutil.which("apt-get"):
        raise HostsError(
            "there is no apt-get here: the machine that carries test hosts is Debian or Ubuntu, "
            f"with {', '.join(PACKAGES)}"
        )
    installed = set()
    status = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES], check=False)
    for line in status.stdout.splitlines():
        package, _, state = line.partition(" ")
        if state == "installed":
            installed.add(package)
    return [package for package in PACKAGES if package not in installed]


def install() -> None:
    """Install with apt what is missing; nothing is asked, nothing that is there is touched."""
    require_root()
    missing = missing_packages()
    if not missing:
        return
    say(f"installing {' '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    options = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    run(["apt-get", *options, "update"], environment=quiet)
    run(["apt-get", *options, "install", "--no-install-recommends", *missing], environment=quiet)


def has_podman() -> bool:
    """Tell whether podman is installed; a machine without it carries no hosts."""
    return shutil.which("podman") is not None


def require_podman() -> None:
    """Refuse when the machine is not ready; unlike `install`, change nothing."""
    require_root()
    if not has_podman():
        raise HostsError(f"there is no podman. Run: {HERE / 'hosts'} install")
