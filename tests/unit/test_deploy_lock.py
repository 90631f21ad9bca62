"""The lock of an instance: who holds it, whose it may become, and what stands in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.host import lock

OWNER = "root@controller, process 12, since 2026-01-01 00:00:00 UTC"


def test_it_is_taken_once_and_broken_by_name_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    assert lock.take(path, OWNER, "")
    assert not lock.take(path, "another", "")
    assert not lock.take(path, "another", "somebody else")
    assert lock.holder_of(path) == OWNER
    assert lock.take(path, "another", OWNER)
    assert lock.holder_of(path) == "another"
    assert [each.name for each in tmp_path.iterdir()] == ["lock"]


def test_who_holds_it_is_read_from_its_text() -> None:
    known = lock.OWNER.fullmatch(OWNER)
    assert (known["who"], known["pid"]) == ("root@controller", "12")
    for text in ("", "somebody's note", "/etc/passwd", "root@controller, process 0, since ever"):
        assert lock.OWNER.fullmatch(text) is None


@pytest.mark.parametrize(("kind", "way_out"), [("file", "rm /"), ("folder", "rm -r /")])
def test_what_is_no_lock_is_refused_by_name(tmp_path: Path, kind: str, way_out: str) -> None:
    path = tmp_path / "lock"
    if kind == "file":
        path.write_text("somebody's note")
    else:
        path.mkdir()
    with pytest.raises(lock.NoLockError) as refusal:
        lock.take(str(path), OWNER, "")
    assert f"{path} is a {kind}, and not a lock of Mooring's" in str(refusal.value)
    assert way_out in str(refusal.value)
    assert path.exists()
