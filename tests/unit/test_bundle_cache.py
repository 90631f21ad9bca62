"""What the controller keeps of its builds: nobody else may put anything into it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle import cache
from support.bundles import command, greeter, refused, run

OPEN = 0o777


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone that its owner alone may write to, whatever the real one is."""
    folder = tmp_path / "clone"
    folder.mkdir()
    folder.chmod(0o755)
    monkeypatch.setattr(cache, "CLONE", folder)
    return folder


@pytest.fixture
def built(clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The command line of a bundle that has been built under the most careless umask."""
    arguments = command(tmp_path / "cache", "--source", greeter(tmp_path / "greeter"))
    before = os.umask(0)
    try:
        run(capsys, arguments)
        assert os.umask(0) == 0  # as it was
    finally:
        os.umask(before)
    return arguments


def test_nobody_else_can_write_to_what_is_kept(built: list[str], tmp_path: Path) -> None:
    kept = [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]
    assert len(kept) > 5
    assert not [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o022]


@pytest.mark.parametrize(
    "which",
    [
        lambda folder: folder,
        lambda folder: folder / "sources",
        lambda folder: next(folder.glob("*.tar")),
        lambda folder: next((folder / "sources").rglob("*.whl")),
    ],
)
def test_a_cache_that_others_may_write_to_is_refused(
    built: list[str], which: Callable[[Path], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = which(tmp_path / "cache")
    for mode in (0o757, 0o775):
        path.chmod(mode)
        error = refused(capsys, built)
        assert f"{path} can be written by others (mode 0{mode:o})" in error
        assert f"remove {tmp_path / 'cache'}, it is built again" in error


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a file of another user")
def test_a_file_of_another_user_in_it_is_refused(
    built: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = next((tmp_path / "cache").glob("*.tar"))
    os.chown(bundle, 12345, -1)
    assert f"{bundle} belongs to another user (uid 12345)" in refused(capsys, built)


def test_who_may_write_to_the_clone_may_write_to_the_cache(
    built: list[str], clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clone of a group has a cache of that group; some file systems let everybody write, and know no modes."""
    clone.chmod(0o775)
    (tmp_path / "cache").chmod(0o775)
    assert run(capsys, built)["built"] is False
    (tmp_path / "cache").chmod(OPEN)
    assert "can be written by others (mode 0777)" in refused(capsys, built)
    clone.chmod(OPEN)
    assert run(capsys, built)["built"] is False


def test_another_run_may_remove_its_own_meanwhile(
    built: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache/tmpabc/wheels").mkdir(parents=True)
    real = os.scandir

    def scandir(path: str | int) -> object:
        if str(path).endswith("tmpabc"):
            shutil.rmtree(path)  # in the very moment
        return real(path)

    monkeypatch.setattr(cache.os, "scandir", scandir)
    assert run(capsys, built)["built"] is False
    assert not (tmp_path / "cache/tmpabc").exists()
