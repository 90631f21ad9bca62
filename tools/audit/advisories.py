"""A local copy of advisories: what OSV publishes for PyPI (https://osv.dev), as one zip archive or as a folder of JSON files.

A copy that cannot be read whole is refused, since an advisory that was left out would be a vulnerability that is not told.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from audit import matching
from bundle.archives import ArchiveError, read_member

ECOSYSTEM = "PyPI"
SOURCE = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"
OLD = 7
"""Days after which a copy is called old."""
LONGEST = 16 * 1024**2
"""Bytes of one advisory."""


class AdvisoriesError(Exception):
    """The copy cannot be used; the message says why, and the way out."""


@dataclass
class Advisories:
    """The advisories of a copy that hold, by the canonical name of the package."""

    count: int = 0
    newest: datetime | None = None
    by_name: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, advisory: dict[str, Any]) -> None:
        """Take one up; one that was withdrawn holds no longer. KeyError, TypeError, ValueError, AttributeError: it is none."""
        advisory = {
            **advisory,
            "id": str(advisory["id"]),
            "aliases": [str(each) for each in advisory.get("aliases") or ()],
        }
        names = {
            canonicalize_name(each["package"]["name"])
            for each in advisory.get("affected") or ()
            if (each.get("package") or {}).get("ecosystem") == ECOSYSTEM
        }
        if not names:
            return
        self.count += 1
        modified = datetime.fromisoformat(str(advisory["modified"])[:19]).replace(tzinfo=timezone.utc)
        self.newest = max(self.newest or modified, modified)
        if not advisory.get("withdrawn"):
            for name in names:
                self.by_name.setdefault(name, []).append(advisory)

    def age(self, now: datetime) -> str:
        """Say how old the copy is, by its newest advisory."""
        assert self.newest is not None  # noqa: S101 - there is one: an empty copy is refused
        days = max(0, (now - self.newest).days)
        text = f"{self.count} advisories for PyPI, the newest of {self.newest:%Y-%m-%d} ({days} days old)"
        return f"{text}. The copy is old: {SOURCE} has a new one" if days > OLD else text

    def of(self, name: str, text: str) -> list[dict[str, Any]]:
        """Return what holds for one version of a package, as api.osv.dev answers it, in pip-audit's own terms.

        Several advisories of one vulnerability (aliases of each other) become one. pip-audit compares names as they stand,
        and reads the fixed versions of one range alone: so the answer has the canonical name, and one range.
        """
        name = canonicalize_name(name)
        try:
            version = Version(text)
        except InvalidVersion as error:
            raise AdvisoriesError(f"{name} {text}: that is no version") from error
        groups: list[tuple[set[str], set[Version], str]] = []
        for advisory in self.by_name.get(name, []):
            entries = [
                each
                for each in advisory["affected"]
                if (each.get("package") or {}).get("ecosystem") == ECOSYSTEM
                and canonicalize_name(each["package"]["name"]) == name
                and matching.is_affected(version, each)
            ]
            if not entries:
                continue
            ids = {advisory["id"], *advisory["aliases"]}
            fixed = {each for entry in entries for each in matching.fixes(version, entry)}
            summary = str(advisory.get("summary") or advisory.get("details") or "")
            for group in [group for group in groups if group[0] & ids]:
                groups.remove(group)
                ids, fixed, summary = ids | group[0], fixed | group[1], group[2] or summary
            groups.append((ids, fixed, summary))
        return [_answer(name, *group) for group in groups]


def _answer(name: str, ids: set[str], fixed: set[Version], summary: str) -> dict[str, Any]:
    events = [{"introduced": "0"}, *({"fixed": str(each)} for each in sorted(fixed))]
    package = {"name": name, "ecosystem": ECOSYSTEM}
    first, *others = sorted(ids)
    return {
        "id": first,
        "aliases": others,
        "summary": summary,
        "affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    }


def read(path: Path) -> Advisories:
    """Read a copy. Raises AdvisoriesError."""
    found = Advisories()
    seen = 0
    try:
        for name, content in _files(path):
            seen += 1
            try:
                found.add(json.loads(content))
            except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
                raise AdvisoriesError(
                    f"ADVISORIES: {name} in {path} is no advisory of OSV's ({type(error).__name__}: {error})"
                ) from error
    except (OSError, ArchiveError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise AdvisoriesError(f"ADVISORIES: {path} cannot be read ({reason}): get {SOURCE} again") from error
    if not found.count:
        what = f"has {seen} advisories, and none for PyPI" if seen else "has no file that ends in .json"
        raise AdvisoriesError(f"ADVISORIES: {path} {what}: {SOURCE} is the copy that is wanted")
    return found


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if not path.exists():
        raise AdvisoriesError(f"ADVISORIES: {path} does not exist; a copy of the advisories is {SOURCE}")
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield file.name, file.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".json"):
                yield info.filename, read_member(archive, info.filename, LONGEST)
