"""Images: what a host has before anything is deployed, built once and kept until the recipe changes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import mirror
from .command import CONFINED, HERE, IMAGE_REPOSITORY, LABEL, HostsError, podman, run, say

DISTRIBUTIONS = {
    "bookworm": mirror.DEBIAN,
    "trixie": mirror.DEBIAN,
    "jammy": mirror.UBUNTU,
    "noble": mirror.UBUNTU,
}
# A target has Python with venv and what a server always has (apt brings libstdc++, which greenlet needs); no compiler, no pip, no
# supervisor.
HOST_PACKAGES = (
    "apt",
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",
    "python3-venv",
    "ca-certificates",
    "iproute2",
    "sudo",
    "procps",
)
# python3-apt: ansible.builtin.apt finds the package installed without fetching anything. socat: for HAProxy's
# stats socket.
FLAVOURS = {"": (), "haproxy": ("haproxy", "python3-apt", "socat")}
CUSTOMIZE = HERE / "customize.sh"
# Not in /tmp, which is often memory, or mounted without devices.
SCRATCH = Path("/var/cache/mooring-test-hosts")
LOCK = Path("/run/mooring-test-hosts.lock")
# What podman is told of the image: systemd is PID 1, and is stopped by the signal that it takes for "halt"
# (systemd(1), SIGRTMIN+3).
CHANGES = ('CMD ["/sbin/init"]', "STOPSIGNAL SIGRTMIN+3")


@dataclass(frozen=True)
class Image:
    """A distribution's release with a flavour."""

    distribution: str
    flavour: str = ""

    @classmethod
    def parse(cls, text: str) -> Image:
        """Read `<distribution>[/<flavour>]`; raises HostsError, which lists what there is."""
        distribution, _, flavour = text.partition("/")
        if distribution not in DISTRIBUTIONS:
            raise HostsError(
                f"there is no distribution {distribution!r}; there are: {', '.join(DISTRIBUTIONS)}"
            )
        if flavour not in FLAVOURS:
            raise HostsError(
                f"there is no flavour {flavour!r}; there are: {', '.join(filter(None, FLAVOURS))}"
            )
        return cls(distribution, flavour)

    def __str__(self) -> str:
        """Return the form that `parse` reads."""
        return f"{self.distribution}/{self.flavour}" if self.flavour else self.distribution

    @property
    def packages(self) -> tuple[str, ...]:
        """Everything that is asked for by name; dependencies follow."""
        return HOST_PACKAGES + FLAVOURS[self.flavour]

    @property
    def recipe(self) -> str:
        """The hash of what an image is made by; another one means another image."""
        ingredients = [str(self), self.packages, CHANGES, CUSTOMIZE.read_text()]
        return hashlib.sha256(json.dumps(ingredients).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The image's name in podman."""
        return f"{IMAGE_REPOSITORY}:{self.tag_prefix}{self.recipe}"

    @property
    def tag_prefix(self) -> str:
        """What the tags of this image's earlier recipes begin with as well."""
        return f"{self.distribution}-{self.flavour or 'host'}-"


def ensure(image: Image, *, rebuild: bool = False) -> None:
    """Build `image` unless it stands; `rebuild` builds it anyway, with the packages of today.

    Two runs at once build it once. Raises HostsError with the builder's own words.
    """
    with _lock():
        if not rebuild and podman("image", "exists", image.name, check=False).returncode == 0:
            return
        say(f"building the image {image} (this takes about half a minute; it is kept)")
        with _scratch() as folder:
            archive = _build(image, folder)
            changes = [f"--change={change}" for change in (*CHANGES, f"LABEL {LABEL}=image")]
            podman("import", "--quiet", *changes, archive, image.name, timeout=600)
        _remove_earlier(image)


def _build(image: Image, folder: Path) -> Path:
    """Make the root file system with mmdebstrap, a tar file in `folder`; apt verifies what it fetches.

    Whatever ends the build, no process and no mount of it is left (CONFINED).
    """
    family = DISTRIBUTIONS[image.distribution]
    keys = mirror.keyring(family, folder / "keys")
    archive = folder / "root.tar"
    run(
        [
            *CONFINED,
            "nice",
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--keyring={keys}",
            *(f"--aptopt={option}" for option in mirror.passed_apt_options()),
            f"--include={','.join(image.packages)}",
            f'--customize-hook="{CUSTOMIZE}" "$1"',
            image.distribution,
            archive,
            *mirror.source_lines(family, image.distribution),
        ],
        environment={"TMPDIR": str(folder)},
        timeout=1800,
    )
    return archive


def _remove_earlier(image: Image) -> None:
    """Remove what earlier recipes left of `image`, but for images that a host still runs on."""
    listing = podman("images", "--format", "{{.Repository}}:{{.Tag}}", IMAGE_REPOSITORY)
    for name in listing.stdout.split():
        tag = name.removeprefix(f"{IMAGE_REPOSITORY}:")
        if tag.startswith(image.tag_prefix) and name != image.name:
            podman("rmi", name, check=False)
    podman("image", "prune", "--force", "--filter", f"label={LABEL}=image")


def remove_all() -> None:
    """Remove every image of test hosts; raises HostsError while a host still runs on one."""
    with _lock(), _scratch():
        for name in podman("images", "--quiet", "--filter", f"label={LABEL}=image").stdout.split():
            podman("rmi", name)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give the one folder of the one builder, empty (a killed one may have left it full), and remove it."""
    if SCRATCH.exists():
        shutil.rmtree(SCRATCH)
    SCRATCH.mkdir()
    try:
        yield SCRATCH
    finally:
        shutil.rmtree(SCRATCH)


@contextmanager
def _lock() -> Iterator[None]:
    """Keep two builders apart; the kernel drops the lock when its holder dies."""
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run builds an image: waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
