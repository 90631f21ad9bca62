"""The bill of materials of a bundle: what one virtualenv holds, as CycloneDX 1.6 (JSON).

It names each distribution that is installed, with the hash of its file, and who asks for whom. It is written by hand and
not by a library: this subset is stable, and the controller needs no further packages for it. The same bundle has the
same bytes: there is no time in it, and the serial number is made from the content.

Python itself is no component. It is the host's, whose distribution fixes it without a new version number, so that a
scanner would report what has been fixed; the property `mooring:python` tells its version.
"""

from __future__ import annotations

import json
import tarfile
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from bundle import wheels
from bundle.reading import Pin
from bundle.requirements import holds
from bundle.target_python import TargetPython

NAME = "sbom.cdx.json"
SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
APPLICATION = "application"
ALGORITHMS = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
LONGEST = 200  # of a licence's name: older packages have the whole text in that field


@dataclass(frozen=True)
class Part:
    """One distribution of a bundle: its canonical name, its wheel's SHA-256, its metadata, its line in the lock if it has one."""

    name: str
    digest: str
    metadata: Message
    pin: Pin | None

    @property
    def version(self) -> str:
        """The version, as the distribution says it."""
        return str(self.metadata["Version"])

    @property
    def purl(self) -> str:
        """Its package URL. What was built from a source, or has a URL of its own, is no package of PyPI's."""
        kind = "pypi" if self.pin is not None and self.pin.requirement.url is None else "generic"
        return f"pkg:{kind}/{quote(self.name, safe='')}@{quote(self.version, safe='')}"


def parts(bundle: Path, pins: Mapping[str, Pin]) -> list[Part]:
    """List what a bundle installs, sorted by name; `pins`: the lines of the locks, by canonical name."""
    with tarfile.open(bundle, "r:") as archive:
        listing = archive.extractfile("requirements.txt")
        lines = [] if listing is None else listing.read().decode().splitlines()
        digests = {line.partition("==")[0]: line.rpartition(":")[2] for line in lines if line}
        found = []
        for member in archive:
            if "/" in member.name:  # what installs it, and is not installed itself
                continue
            name = str(parse_wheel_filename(member.name)[0]) if member.name.endswith(".whl") else ""
            wheel = archive.extractfile(member)
            if name in digests and wheel is not None:
                found.append(Part(name, digests[name], wheels.metadata(wheel, member.name), pins.get(name)))
    return sorted(found, key=lambda part: part.name)


def bill(installed: Iterable[Part], application: str, target: TargetPython) -> str:
    """Write the bill; `application`: the name of the distribution that all of it is for, "" when none is."""
    known = {part.name: part for part in installed}
    asked = _asked(known, target)
    needed = {name for names in asked.values() for name in names}
    what = known.get(application)
    component: dict[str, Any] = {
        "type": "application",
        "bom-ref": APPLICATION,
        "name": application or APPLICATION,
    }
    if what is not None:
        component |= {"version": what.version, "purl": what.purl, **_licences(what.metadata)}
    first = sorted(part.purl for part in known.values() if part.pin is None or part.name not in needed)
    tool = {"type": "application", "name": "mooring"}
    if "mooring" in known:
        tool["version"] = known["mooring"].version
    body: dict[str, Any] = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [tool]},
            "component": component,
            "properties": [
                {"name": "mooring:python", "value": target.python_full},
                {"name": "mooring:machine", "value": target.machine},
            ],
        },
        "components": [_component(part) for part in known.values()],
        "dependencies": [
            {"ref": APPLICATION, "dependsOn": first},
            *(
                {"ref": part.purl, "dependsOn": sorted(known[name].purl for name in asked[part.name])}
                for part in known.values()
            ),
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    return json.dumps({**body, "serialNumber": f"urn:uuid:{serial}"}, indent=2, sort_keys=True) + "\n"


def _component(part: Part) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": part.purl,
        "name": part.name,
        "version": part.version,
        "purl": part.purl,
        **_licences(part.metadata),
    }
    digest = f"sha256:{part.digest}"
    if part.pin is None or digest in part.pin.hashes:
        return {**found, "hashes": [_hash(digest)]}
    # The wheel was built here from the source archive that the lock names, or the lock has hashes of another kind.
    return {
        **found,
        "hashes": [_hash(each) for each in part.pin.hashes],
        "properties": [{"name": "mooring:wheel-sha256", "value": part.digest}],
    }


def _hash(text: str) -> dict[str, str]:
    algorithm, _, digits = text.partition(":")
    return {"alg": ALGORITHMS[algorithm], "content": digits}


def _licences(metadata: Message) -> dict[str, Any]:
    """Return what the metadata tells of licences: an SPDX expression, else a short name, else the classifiers."""
    if expression := str(metadata["License-Expression"] or "").strip():
        return {"licenses": [{"expression": expression}]}
    name = str(metadata["License"] or "").strip()
    if name and "\n" not in name and len(name) <= LONGEST and name != "UNKNOWN":
        return {"licenses": [{"license": {"name": name}}]}
    classifiers = [str(each).split(" :: ") for each in metadata.get_all("Classifier", [])]
    names = sorted({each[-1].strip() for each in classifiers if each[0] == "License"} - {"", "OSI Approved"})
    return {"licenses": [{"license": {"name": each}} for each in names]} if names else {}


def _asked(known: Mapping[str, Part], target: TargetPython) -> dict[str, set[str]]:
    """Return which of the distributions each of them asks for on the target, with the extras that are asked for."""
    extras = {name: {"", *(part.pin.requirement.extras if part.pin else ())} for name, part in known.items()}
    asked: dict[str, set[str]] = {name: set() for name in known}
    before = None
    while before != (before := sum(map(len, [*extras.values(), *asked.values()]))):
        for name, part in known.items():
            for requirement in _requirements(part.metadata):
                other = canonicalize_name(requirement.name)
                if other in known and _holds(requirement, extras[name], target.environment):
                    asked[name].add(other)
                    extras[other] |= requirement.extras
    return asked


def _requirements(metadata: Message) -> Iterable[Requirement]:
    for text in metadata.get_all("Requires-Dist", []):
        with suppress(
            InvalidRequirement
        ):  # of an old package; pip, which is told all names, does not read it either
            yield Requirement(str(text))


def _holds(requirement: Requirement, extras: Iterable[str], environment: dict[str, str]) -> bool:
    with suppress(UndefinedComparison, UndefinedEnvironmentName):  # of an old package
        return holds(requirement, extras, environment)
    return False
