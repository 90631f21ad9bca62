"""`make audit` with a copy of advisories: which versions are affected, what is told, and the real pip-audit's answer."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

import audit.__main__ as command
from audit import advisories, matching, service
from support.bundles import HASH, write
from support.places import REPOSITORY, SOURCES


def span(*events: str, kind: str = "ECOSYSTEM") -> dict[str, Any]:
    """A range; events as "introduced 0", "fixed 1.2"."""
    return {"type": kind, "events": [dict([event.split()]) for event in events]}


def advisory(identity: str, *affected: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": identity, "modified": "2026-01-02T03:04:05.678Z", "affected": list(affected), **more}


def of(
    name: str, *ranges: dict[str, Any], versions: list[str] | None = None, ecosystem: str = "PyPI"
) -> dict[str, Any]:
    return {
        "package": {"name": name, "ecosystem": ecosystem},
        "ranges": list(ranges),
        "versions": versions or [],
    }


@pytest.mark.parametrize(
    ("entry", "affected", "spared"),
    [
        (
            of("a", span("introduced 0", "fixed 2.0")),
            ["0", "1.9.9", "2.0rc1", "2.0.dev0"],
            ["2.0", "2.0.post1", "10", "1!0"],
        ),
        (
            of("a", span("introduced 1.10", "fixed 1.20")),
            ["1.10", "1.10.0", "1.19"],
            ["1.9", "1.2", "1.20", "1.20+cpu"],
        ),
        (
            of("a", span("introduced 1", "last_affected 1.5")),
            ["1", "1.5", "1.5.0", "1.5+cpu"],
            ["1.5.1", "1.5.post1", "0.9"],
        ),
        (of("a", span("introduced 1.5", "last_affected 1.5")), ["1.5"], ["1.4", "1.6"]),
        # In whatever order they stand; several branches; one that begins where another ends.
        (
            of("a", span("fixed 3.1", "introduced 3", "fixed 2.2", "introduced 0")),
            ["2.1", "3.0"],
            ["2.2", "2.9", "3.1"],
        ),
        (of("a", span("introduced 0", "fixed 2", "introduced 2", "fixed 3")), ["1", "2"], ["3"]),
        (
            of("a", span("introduced 0", "fixed 1"), span("introduced 2", "fixed 3")),
            ["0.5", "2.5"],
            ["1", "1.5", "3"],
        ),
        (of("a", span("introduced 0")), ["0.0.1", "99"], []),
        (of("a", span("introduced 0", "limit 2")), ["1"], ["2", "3"]),
        (of("a", span("introduced 0", "limit *")), ["3"], []),
        # A list of versions, beside a range and without one.
        (of("a", versions=["1.0", "2004d"]), ["1", "1.0.0", "1.0+cpu"], ["1.0.1", "1.0rc1"]),
        (of("a", span("introduced 5"), versions=["1.0"]), ["1.0", "5"], ["2"]),
        (of("a", versions=["1.0+cpu"]), ["1.0+cpu"], ["1.0", "1.0+gpu"]),
        # What cannot be read begins at once and never ends; commits say nothing.
        (of("a", span("introduced 2004d", "fixed 2")), ["1"], ["2"]),
        (of("a", span("introduced 1", "fixed 2004d")), ["1", "3000"], ["0.9"]),
        (of("a", span("introduced 0", kind="GIT")), [], ["1"]),
        (of("a", span("introduced 1!0")), ["1!0", "1!2"], ["99"]),
    ],
)
def test_which_versions_are_affected(entry: dict[str, Any], affected: list[str], spared: list[str]) -> None:
    assert [each for each in affected + spared if matching.is_affected(Version(each), entry)] == affected


def test_the_versions_that_fix_it_are_the_later_ones() -> None:
    entry = of(
        "a",
        span("introduced 0", "fixed 1.2", "introduced 2", "fixed 2.3", "fixed no"),
        span("introduced 0", "fixed 9"),
    )
    assert sorted(matching.fixes(Version("2.0"), entry)) == [Version("2.3"), Version("9")]


def copy(folder: Path, *all_of_them: Any) -> Path:
    for number, each in enumerate(all_of_them):
        write(folder / f"{number}.json", each if isinstance(each, bytes) else json.dumps(each))
    return folder


def zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    return folder.with_suffix(".zip")


ALL = span("introduced 0", "fixed 9")
ADVISORIES = [
    advisory("PYSEC-1", of("Some_Thing", ALL), aliases=["CVE-1"], summary="bad"),
    advisory("GHSA-1", of("some.thing", span("introduced 0", "fixed 8")), aliases=["CVE-1"]),
    advisory("GHSA-2", of("some-thing", ALL), withdrawn="2026-01-01T00:00:00Z"),
    advisory("GHSA-3", of("some-thing", ALL, ecosystem="npm"), modified="2026-02-03T00:00:00Z"),
    advisory(
        "GHSA-4",
        of("other", ALL),
        {"ranges": [span("introduced 0", kind="GIT")]},
        modified="2026-01-05T00:00:00Z",
    ),
]


@pytest.mark.parametrize("packed", [False, True])
def test_a_copy_answers_by_normal_names_each_vulnerability_once(packed: bool, tmp_path: Path) -> None:
    folder = copy(tmp_path / "copy", *ADVISORIES)
    write(folder / "notes.txt", "no advisory")
    found = advisories.read(zipped(folder) if packed else folder)
    (one,) = found.of("some-thing", "1.0")
    assert [one["id"], *one["aliases"]] == ["CVE-1", "GHSA-1", "PYSEC-1"]
    package = {"name": "some-thing", "ecosystem": "PyPI"}
    events = [{"introduced": "0"}, {"fixed": "8"}, {"fixed": "9"}]
    assert one["affected"] == [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    assert found.of("SOME.thing", "8.5")[0]["id"] == "CVE-1"
    assert found.of("some-thing", "9") == found.of("absent", "1") == []
    # The newest for PyPI alone tells how old it is; a withdrawn one is new all the same.
    assert (
        found.age(datetime(2026, 1, 8, tzinfo=timezone.utc))
        == "4 advisories for PyPI, the newest of 2026-01-05 (3 days old)"
    )
    assert "The copy is old" in found.age(datetime(2026, 1, 20, tzinfo=timezone.utc))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "has no file that ends in .json"),
        ([ADVISORIES[3]], "has 1 advisories, and none for PyPI"),
        ([ADVISORIES[0], b"{"], "1.json in .* is no advisory of OSV's"),
        ([b"[]"], "is no advisory"),
        ([b"[" * 100_000], "is no advisory"),
        ([{"id": "A", "affected": [of("a")]}], "is no advisory of OSV's .*modified"),
        ([advisory("A", {"package": {"ecosystem": "PyPI"}})], "is no advisory"),
        ([advisory("A", of("a"), modified="today")], "is no advisory"),
    ],
)
def test_a_copy_that_cannot_be_read_whole_is_refused(content: list[Any], words: str, tmp_path: Path) -> None:
    folder = copy(tmp_path / "copy", *content)
    folder.mkdir(exist_ok=True)
    for path in (folder, zipped(folder)):
        with pytest.raises(advisories.AdvisoriesError, match=f"ADVISORIES: .*{words}"):
            advisories.read(path)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 and no archive"])
def test_a_wrong_path_is_said_before_anything_is_asked(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.zip"
    if content is not None:
        path.write_bytes(content)
    assert command.main(["--advisories", str(path), "--pip-audit", "/nowhere"]) == 2
    said = capsys.readouterr()
    assert f"ADVISORIES: {path}" in said.err
    assert advisories.SOURCE in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"package": {"name": "some-thing", "ecosystem": "PyPI"}, "version": "1"}', 200),
        (b'{"package": {"name": "some-thing", "ecosystem": "npm"}, "version": "1"}', 400),
        (b'{"package": {"name": "some-thing", "ecosystem": "PyPI"}, "version": "no"}', 400),
        (b"[]", 400),
        (b"{", 400),
        (b" " * 70_000, 413),
    ],
)
def test_the_service_answers_what_it_is_not_asked_right(body: bytes, status: int, tmp_path: Path) -> None:
    with service.serving(advisories.read(copy(tmp_path / "copy", *ADVISORIES))) as url:
        connection = http.client.HTTPConnection(url.split("/")[2], timeout=60)
        connection.request("POST", "/v1/query", body)
        assert connection.getresponse().status == status
        connection.close()


def test_every_lock_is_looked_at_each_line_of_it(tmp_path: Path) -> None:
    lines = [
        f"one==1.0 ; python_version < '3' {HASH}",
        f"one==2.0 ; python_version >= '3' {HASH}",
        f"Two_x==2024.01 {HASH}",
        f"three @ https://host/three-3.0-py3-none-any.whl {HASH}",
        f"four @ https://me:secret@host/four.tar.gz {HASH}",
    ]
    first, second = write(tmp_path / "a.txt", "\n".join(lines)), write(tmp_path / "b.txt", lines[1])
    found, unknown = command.packages([first, second])
    assert found == {
        ("one", "1.0"): [str(first)],
        ("one", "2.0"): [str(first), str(second)],
        ("two-x", "2024.1"): [str(first)],
        ("three", "3.0"): [str(first)],
    }
    assert unknown == [f"four of {first} (its line does not tell a version)"]
    assert command.lists(found) == ["one==1.0\nthree==3.0\ntwo-x==2024.1\n", "one==2.0\n"]


def test_pip_audit_finds_in_a_copy_what_the_locks_have(tmp_path: Path) -> None:
    """The real one, in the virtualenv that `make audit` builds; the copy speaks of packages of ours that are locked."""
    lock = write(tmp_path / "mine.txt", f"some.thing==1.0 {HASH}\nother==9.0 {HASH}\n")
    supervisor = [of("Supervisor", span("introduced 0", "last_affected 4.2.5"))]
    folder = copy(tmp_path / "copy", *ADVISORIES, advisory("PYSEC-7", *supervisor))

    def told(*words: str | Path) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "audit", *map(str, words)]
        path = {
            "PYTHONPATH": f"{REPOSITORY}/tools:{SOURCES}",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "http_proxy": "http://127.0.0.1:9",
        }
        return subprocess.run(line, env={**os.environ, **path}, capture_output=True, text=True, check=False)

    subprocess.run(["tools/extra_venv.sh", "audit"], cwd=REPOSITORY, check=True, capture_output=True)
    done = told("--advisories", zipped(folder), lock)
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    assert lines[0].startswith(f"{tmp_path}/copy.zip: 5 advisories for PyPI, the newest of 2026-01-05")
    # As many lines as there are vulnerabilities: neither what is fixed (other, supervisor 4.3.0) nor an alias is told.
    assert lines[1:3] == [
        f"some-thing 1.0 ({lock}): PYSEC-1, CVE-1, GHSA-1; fixed in 8, 9",
        "supervisor 4.2.5 (requirements/supervisor-4.2.5.txt): PYSEC-7; no fixed version is known",
    ]
    assert lines[3].startswith("2 known vulnerabilities in ")
    assert len(lines) == 4
    (folder / "0.json").unlink()
    (folder / "1.json").unlink()
    (folder / "5.json").unlink()
    done = told("--advisories", folder, lock)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no known vulnerabilities in " in done.stdout
    # What pip-audit could not do is no good news.
    done = told("--advisories", folder, "--pip-audit", "/bin/false")
    assert (done.returncode, "pip-audit has failed" in done.stderr) == (2, True)


def test_what_a_line_names_by_its_path_is_told(tmp_path: Path) -> None:
    write(tmp_path / "mine.txt", f"one==1.0 {HASH}\n./wheels/django-1.0-py3-none-any.whl\n-e ./project\n")
    found, unknown = command.packages([tmp_path / "mine.txt"])
    assert list(found) == [("one", "1.0")]
    assert unknown == [
        f"{tmp_path / path} of {tmp_path / 'mine.txt'} (it has no hash)"
        for path in ("wheels/django-1.0-py3-none-any.whl", "project")
    ]


def test_that_nothing_could_be_looked_for_is_no_good_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As pip-audit answers behind a proxy that has no JSON interface."""
    monkeypatch.setattr(command, "LOCKS", tmp_path)
    write(tmp_path / "mine.txt", f"one==1.0 {HASH}\ntwo==1.0 {HASH}\n")
    skipped = {"name": "one", "skip_reason": "Dependency not found on PyPI"}
    monkeypatch.setattr(command, "ask", lambda *_: [skipped, {**skipped, "name": "two"}])
    assert command.main(["--pip-audit", "/bin/true"]) == 2
    said = capsys.readouterr()
    assert "not looked for: two (Dependency not found on PyPI)" in said.out
    assert "could look for none of them" in said.err
    monkeypatch.setattr(command, "ask", lambda *_: [skipped, {"name": "two", "version": "1.0", "vulns": []}])
    assert command.main(["--pip-audit", "/bin/true"]) == 0
    assert "no known vulnerabilities in 1 of 2 locked packages" in capsys.readouterr().out
