"""Pruning keeps what a rollback needs, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mooring.host import dispatch, live, releases
from mooring.host.errors import HostError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make an instance's folder with six releases (r0 the oldest) on three virtualenvs; r1 is live, r0 was before."""
    for number in range(6):
        folder = tmp_path / "releases" / f"r{number}"
        folder.mkdir(parents=True)
        environment = tmp_path / "venvs" / f"v{number // 2}"
        environment.mkdir(parents=True, exist_ok=True)
        (folder / "venv").symlink_to(f"../../venvs/{environment.name}")
        (folder / "release.json").write_text(json.dumps({"instance": "api", "workers": number + 1}))
        os.utime(folder / "release.json", (number, number))
    (tmp_path / "live.json").write_text(json.dumps({"colour": "blue", "release": "r1", "previous": "r0"}))
    return tmp_path


def names(home: Path, folder: str) -> list[str]:
    return sorted(path.name for path in (home / folder).iterdir())


def test_live_and_previous_stay_however_old_they_are(home: Path) -> None:
    assert releases.prune(home, 2) == [
        "releases/r2",
        "releases/r3",
        "releases/r4",
        "releases/r5",
        "venvs/v1",
        "venvs/v2",
    ]
    assert names(home, "releases") == ["r0", "r1"]
    assert names(home, "venvs") == ["v0"]


def test_the_newest_of_the_others_stay(home: Path) -> None:
    releases.prune(home, 3)
    assert names(home, "releases") == ["r0", "r1", "r5"]
    assert names(home, "venvs") == ["v0", "v2"]


def test_nothing_goes_while_there_is_room(home: Path) -> None:
    assert releases.prune(home, 6) == []


def test_a_half_built_release_goes(home: Path) -> None:
    (home / "releases" / "r5" / "release.json").unlink()
    assert releases.prune(home, 6) == ["releases/r5"]


def test_list_tells_what_each_is(home: Path) -> None:
    assert [(each["release"], each["role"], each["workers"]) for each in releases.releases(home)][-2:] == [
        ("r1", "live", 2),
        ("r0", "previous", 1),
    ]


def test_a_folder_that_is_no_instance_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        releases.NoInstanceError, match=r"live\.json is missing: nothing has been deployed in"
    ):
        releases.releases(tmp_path)


def test_what_a_proof_has_built_goes_and_the_release_before_is_again_what_it_was(home: Path) -> None:
    (home / "live.json").write_text(json.dumps({"colour": "green", "release": "r1", "previous": "r5"}))
    assert releases.restore(home, "r0", {"r0", "r1", "r2"}) == [
        "releases/r3",
        "releases/r4",
        "releases/r5",
        "venvs/v2",
    ]
    assert live.read(home) == live.Live("green", "r1", "r0")
    assert (home / "live.json").stat().st_mode & 0o777 == 0o644


def test_the_live_release_stays_though_nobody_knows_it(home: Path) -> None:
    releases.restore(home, "", set())
    assert names(home, "releases") == ["r1"]
    assert live.read(home).previous == ""


def test_what_cannot_be_removed_is_named_in_one_sentence(home: Path) -> None:
    (home / "releases").chmod(0o555)
    for path in (home, *home.parents):
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)
    before = os.geteuid()
    try:
        if before == 0:  # whom no mode stops: as somebody else, then
            os.seteuid(65534)
        with pytest.raises(releases.LeftError) as refused:
            releases.prune(home, 2)
    finally:
        os.seteuid(before)
        (home / "releases").chmod(0o755)
    said = str(refused.value)
    (first,) = (name for name in names(home, "releases") if f"/{name} " in said)
    assert said == (
        f"{home}/releases/{first} cannot be removed: Permission denied."
        " Change what keeps it there, and run the same command again"
    )


def test_a_folder_that_is_missing_is_named_in_one_sentence(home: Path) -> None:
    (home / "venvs").rename(home / "away")
    given = {"home": str(home), "keep": 2}
    with pytest.raises(HostError) as refused:
        dispatch.run("prune", _prune, given)
    assert str(refused.value) == f"{home}/venvs: No such file or directory"


def _prune(home: Path, keep: int) -> dict[str, object]:
    return {"removed": releases.prune(home, keep)}
