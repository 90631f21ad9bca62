"""Where packages come from: the machine's own apt configuration. No mirror is ever named here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .command import CONFINED, HostsError, run

KEYRINGS = Path("/usr/share/keyrings")
# What the machine's apt needs to reach its mirror, and so does the apt that fills an image.
PASSED_OPTIONS = re.compile(r"Acquire::(https?::.+|Check-(Valid-Until|Date)|Retries)")


@dataclass(frozen=True)
class Family:
    """A distribution's archive: `name` as in the Origin of its Release files and in its mirrors' paths."""

    name: str
    components: str
    keyring_package: str

    @property
    def keyring(self) -> Path:
        """Where the family's keyring package puts the archive's keys."""
        return KEYRINGS / f"{self.name}-archive-keyring.gpg"

    @property
    def variable(self) -> str:
        """The environment variable that names a mirror when apt knows none."""
        return f"MOORING_TEST_MIRROR_{self.name.upper()}"


DEBIAN = Family("debian", "main", "debian-archive-keyring")
# Ubuntu keeps python3-venv in universe.
UBUNTU = Family("ubuntu", "main universe", "ubuntu-keyring")
FAMILIES = (DEBIAN, UBUNTU)


@dataclass(frozen=True)
class Source:
    """One archive that the machine's apt reads."""

    uri: str
    origin: str
    label: str


def apt_sources() -> list[Source]:
    """Return the archives that the machine's apt reads, in its own order."""
    listing = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)\t$(ORIGIN)\t$(LABEL)", "Created-By: Packages"]
    )
    return list(dict.fromkeys(Source(*line.split("\t")) for line in listing.stdout.splitlines()))


def find_mirror(family: Family, sources: Iterable[Source], environment: Mapping[str, str]) -> str:
    """Return the URI of a mirror of `family`.

    In this order: the family's variable; the machine's own source of that family; the folder beside the
    machine's source of the other family, since mirrors commonly carry both (`…/debian`, `…/ubuntu`).
    Raises HostsError, which names the variable, when there is none.
    """
    if named := environment.get(family.variable):
        return named
    known = list(sources)
    for source in known:
        if source.origin.lower() == family.name and "security" not in source.label.lower():
            return source.uri
    for other in FAMILIES:
        for source in known:
            if source.uri.rstrip("/").endswith(f"/{other.name}"):
                return source.uri.rstrip("/").removesuffix(other.name) + family.name
    raise HostsError(
        f"the machine's apt sources name no mirror of {family.name}. "
        f"Name one: {family.variable}=<address of a mirror>"
    )


def find_security_mirror(family: Family, mirror: str, sources: Iterable[Source]) -> str | None:
    """Return where `family` publishes security updates, or None when the machine's apt does not say."""
    if family is UBUNTU:
        return mirror
    return next((source.uri for source in sources if source.label == "Debian-Security"), None)


def source_lines(family: Family, suite: str) -> list[str]:
    """Return the lines of an image's sources.list: the release, its updates and its security updates."""
    sources = apt_sources()
    mirror = find_mirror(family, sources, os.environ)
    suites = [(mirror, suite), (mirror, f"{suite}-updates")]
    security = find_security_mirror(family, mirror, sources)
    if security:
        suites.append((security, f"{suite}-security"))
    return [f"deb {uri} {name} {family.components}" for uri, name in suites]


def passed_apt_options() -> list[str]:
    """Return the machine's apt options without which its mirror may not be reached: proxies, certificates."""
    dump = run(["apt-config", "dump", "--no-empty", "--format", '%F "%v";%n', "Acquire"])
    return [line for line in dump.stdout.splitlines() if PASSED_OPTIONS.match(line)]


def keyring(family: Family, folder: Path) -> Path:
    """Return the keys of `family`'s archive, fetched into `folder` when the machine has none.

    Debian carries Ubuntu's keys as a package since Debian 13; taken from there they are as trusted as Debian's own
    keys are. Raises HostsError when the machine has neither.
    """
    if family.keyring.exists():
        return family.keyring
    if not DEBIAN.keyring.exists():
        raise HostsError(
            f"{family.keyring} is missing: packages of {family.name} can't be verified. "
            f"Install it: apt-get install {family.keyring_package}"
        )
    mirror = find_mirror(DEBIAN, apt_sources(), os.environ)
    run(
        [
            *CONFINED,
            "mmdebstrap",
            "--mode=root",
            "--variant=extract",
            f"--keyring={DEBIAN.keyring}",
            *(f"--aptopt={option}" for option in passed_apt_options()),
            f"--include={family.keyring_package}",
            "trixie",
            folder,
            mirror,
        ]
    )
    return folder / family.keyring.relative_to("/")
