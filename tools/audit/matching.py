"""Is a version affected? The rules of the OSV schema (https://ossf.github.io/osv-schema/, "Evaluation"), for PyPI.

What cannot be read counts as affected: a version that is no PEP 440 version begins a range at once, and never ends one.
Ranges of git commits say nothing of a release. The local part of a version (1.0+cpu) counts only where an advisory has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from packaging.version import InvalidVersion, Version

# At one version: a range that ends is followed by one that begins; `last_affected` ends behind it.
ORDER = ("fixed", "introduced", "last_affected")


def is_affected(version: Version, affected: Mapping[str, Any]) -> bool:
    """Tell whether a version is among those of one entry of an advisory's list `affected`."""
    return any(_equals(version, str(each)) for each in affected.get("versions") or ()) or any(
        _within(version, each) for each in _ranges(affected)
    )


def fixes(version: Version, affected: Mapping[str, Any]) -> set[Version]:
    """Return the versions above this one that an entry says are fixed."""
    events = (event for each in _ranges(affected) for event in each.get("events") or ())
    found = {_version(event["fixed"]) for event in events if "fixed" in event}
    return {each for each in found if each is not None and each > version}


def _ranges(affected: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (each for each in affected.get("ranges") or () if each.get("type") in {"ECOSYSTEM", "SEMVER"})


def _within(version: Version, one: Mapping[str, Any]) -> bool:
    events = [(kind, str(text)) for event in one.get("events") or () for kind, text in event.items()]
    limits = [text for kind, text in events if kind == "limit"]
    if limits and not any(text == "*" or _before(version, text) for text in limits):
        return False
    vulnerable = False
    for kind, text in sorted(events, key=_place):
        if kind == "introduced" and (text == "0" or _version(text) is None or not _before(version, text)):
            vulnerable = True
        elif _version(text) is None:
            continue
        elif (kind == "fixed" and not _before(version, text)) or (
            kind == "last_affected" and _after(version, text)
        ):
            vulnerable = False
    return vulnerable


def _place(event: tuple[str, str]) -> tuple[bool, Version, int]:
    kind, text = event
    version = None if text == "0" else _version(text)
    return version is not None, version or Version("0"), ORDER.index(kind) if kind in ORDER else len(ORDER)


def _before(version: Version, text: str) -> bool:
    other = _version(text)
    return other is not None and _comparable(version, other) < other


def _after(version: Version, text: str) -> bool:
    other = _version(text)
    return other is not None and _comparable(version, other) > other


def _equals(version: Version, text: str) -> bool:
    other = _version(text)
    return str(version) == text if other is None else _comparable(version, other) == other


def _comparable(version: Version, other: Version) -> Version:
    return version if other.local else Version(version.public)


def _version(text: object) -> Version | None:
    try:
        return Version(str(text))
    except InvalidVersion:
        return None
