"""Folders, files and links as a list orders them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mooring.host import layout


class Host:
    """A folder in which entries are placed; paths are relative to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(
        self, *entries: dict[str, Any], check: bool = False, secret: bool = False, status: int = 0
    ) -> Any:
        """Place entries; the answer, or the refusal."""
        absolute = [{**entry, "path": f"{self.folder}/{entry['path']}"} for entry in entries]
        umask = os.umask(0o022)
        try:
            if not status:
                done = layout.place(absolute, secret, check=check)
                return {**done, "changed": done["paths"]}
            with pytest.raises(layout.PlacingError) as refusal:
                layout.place(absolute, secret, check=check)
            return str(refusal.value)
        finally:
            os.umask(umask)

    def mode(self, path: str) -> int:
        return stat.S_IMODE((self.folder / path).stat().st_mode)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


ALL = (
    {"path": "a/b", "folder": True, "mode": "0750"},
    {"path": "a/b/text", "content": "é\n", "mode": "0440"},
    {"path": "a/link", "link": "b/text"},
)


def test_all_is_placed_once_and_then_left(host: Host) -> None:
    first = host.place(*ALL)
    assert first["changed"] == [f"{host.folder}/{entry['path']}" for entry in ALL]
    assert (host.mode("a"), host.mode("a/b"), host.mode("a/b/text")) == (0o755, 0o750, 0o440)
    assert (host.folder / "a/link").read_text(encoding="utf-8") == "é\n"
    inode = (host.folder / "a/b/text").stat().st_ino
    again = host.place(*ALL)
    assert (again["changed"], again["diff"]) == ([], [])
    assert again["before"] == {f"{host.folder}/a/b/text": "é\n"}
    assert (host.folder / "a/b/text").stat().st_ino == inode
    assert sorted(each.name for each in (host.folder / "a").rglob("*")) == ["b", "link", "text"]


def test_a_check_tells_the_same_and_changes_nothing(host: Host) -> None:
    told = host.place(*ALL, check=True)
    assert list(host.folder.iterdir()) == []
    assert told["changed"] == host.place(*ALL)["changed"]


def test_what_differs_is_replaced_and_keeps_its_mode_unless_one_is_ordered(host: Host) -> None:
    host.place(*ALL)
    (host.folder / "a/b").chmod(0o700)
    told = host.place({"path": "a/b/text", "content": "new"}, {"path": "a/link", "link": "b"}, ALL[0])
    assert len(told["changed"]) == 3
    assert (host.folder / "a/b/text").read_text() == "new"
    assert (host.mode("a/b/text"), host.mode("a/b")) == (0o440, 0o750)
    assert (host.folder / "a/link").readlink() == Path("b")
    assert told["diff"][0]["before"] == "é\n"
    assert told["diff"][0]["after"] == "new"
    assert host.place({"path": "a/b/text", "content": "new", "mode": "0600"})["changed"]
    assert host.mode("a/b/text") == 0o600


def test_a_link_to_a_folder_or_a_file_stays_one(host: Host) -> None:
    """An operator may keep a folder of mooring_root on another disk."""
    (host.folder / "disk").mkdir()
    (host.folder / "disk/file").write_text("old")
    (host.folder / "data").symlink_to("disk")
    (host.folder / "file").symlink_to("disk/file")
    host.place({"path": "data", "folder": True, "mode": "0700"}, {"path": "file", "content": "new"})
    assert (host.folder / "data").is_symlink()
    assert (host.folder / "file").is_symlink()
    assert host.mode("disk") == 0o700
    assert (host.folder / "disk/file").read_text() == "new"


def test_of_a_secret_no_text_is_told(host: Host) -> None:
    for content in ("hush", "hush-hush"):
        told = host.place({"path": "secrets.json", "content": content}, secret=True)
        paths = [f"{host.folder}/secrets.json"]
        assert told == {"changed": paths, "paths": paths, "before": {}, "diff": []}
        assert (host.folder / "secrets.json").read_text() == content


def test_what_a_masked_unit_leads_to_stays(host: Host) -> None:
    """systemctl mask makes a link to /dev/null: to put a file there would take it from all that runs on the host."""
    device = host.folder / "null"
    os.mkfifo(device)
    (host.folder / "unit").symlink_to(device)
    for check in (True, False):
        said = host.place({"path": "unit", "content": "new"}, check=check, status=1)
        assert f"{host.folder}/unit must be a file, and is a link to {device}. Look at it" in said
    assert device.is_fifo()


def test_root_follows_no_link_of_another_user(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, link = host.folder / "secret", host.folder / "conf"
    secret.write_text("root's")
    link.symlink_to(secret)
    if os.geteuid() == 0:
        os.lchown(link, 65534, 65534)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    said = host.place({"path": "conf", "content": "new"}, status=1)
    assert f"{link} is a link of another user (number {link.lstat().st_uid}), and is not followed" in said
    assert secret.read_text() == "root's"


@pytest.mark.parametrize("what", ["folder", "file", "folder above"])
def test_what_is_swapped_after_it_was_looked_at_is_not_changed(
    host: Host, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The attacker has the worst moment: between the look at the owner and mode, and their change."""
    above, given = host.folder / "above", layout._ids
    secret = host.folder / "secret"
    for folder in (above, secret):
        (folder / "folder").mkdir(parents=True, mode=0o755)
        (folder / "file").write_text("text")
        (folder / "file").chmod(0o644)

    def swap(entry: dict[str, Any]) -> tuple[int, int]:
        monkeypatch.setattr(layout, "_ids", given)
        swapped = above if what == "folder above" else above / what
        swapped.rename(host.folder / "kept")
        swapped.symlink_to(secret if what == "folder above" else secret / what)
        return given(entry)

    monkeypatch.setattr(layout, "_ids", swap)
    kind = {"content": "text"} if what == "file" else {"folder": True}
    name = "file" if what == "file" else "folder"
    host.place({"path": f"above/{name}", "mode": "0700", **kind})
    assert stat.S_IMODE((secret / name).stat().st_mode) == (0o644 if what == "file" else 0o755)
    kept = host.folder / "kept"
    assert stat.S_IMODE((kept / "folder" if what == "folder above" else kept).stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it makes a link of another user")
def test_root_goes_through_no_link_of_another_user(host: Host) -> None:
    (host.folder / "secret/run").mkdir(parents=True, mode=0o755)
    (host.folder / "above").symlink_to("secret")
    os.lchown(host.folder / "above", 65534, 65534)
    words = "a link of another user (number 65534) stands in its way"
    for entry in ({"folder": True}, {"link": "x"}, {"content": "x"}):
        for path in ("above/run/new", "above/run"):
            if path == "above/run" and "folder" not in entry:
                continue
            assert words in host.place({"path": path, "mode": "0700", **entry}, status=1)
    assert list((host.folder / "secret/run").iterdir()) == []
    assert host.mode("secret/run") == 0o755


def test_a_check_takes_it_that_a_run_creates_the_user_before(host: Host) -> None:
    (host.folder / "run").mkdir()
    entry = {"path": "run", "folder": True, "owner": "no-such-user"}
    assert host.place(entry, check=True)["diff"][0]["after"]["owner"] == "no-such-user"
    assert "no-such-user" in host.place(entry, status=1)


def test_paths_are_told_as_they_were_given(host: Host) -> None:
    """A mooring_root may have two slashes in a row: the roles look in the answer for what they have asked for."""
    (host.folder / "a").mkdir()
    given = {"path": "a//text", "content": "old"}
    assert host.place(given)["changed"] == [f"{host.folder}/a//text"]
    assert host.place(given)["before"] == {f"{host.folder}/a//text": "old"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"path": "text", "folder": True}, "text must be a folder, and is a file. Look at it, move it away"),
        ({"path": "folder", "content": ""}, "folder must be a file, and is a folder"),
        ({"path": "folder", "link": "x"}, "folder must be a link to x, and is a folder"),
        ({"path": "fifo", "content": "x"}, "fifo must be a file, and is a FIFO"),
        ({"path": "nowhere", "folder": True}, "nowhere must be a folder, and is a link to gone"),
        (
            {"path": "missing/text", "content": "x"},
            "missing/text cannot be placed: No such file or directory",
        ),
        ({"path": "text", "content": "", "owner": "no-such-user"}, "text cannot be placed: "),
    ],
)
def test_what_cannot_be_placed_is_named(host: Host, entry: dict[str, Any], words: str) -> None:
    (host.folder / "text").write_text("somebody's")
    (host.folder / "folder").mkdir()
    (host.folder / "nowhere").symlink_to("gone")
    os.mkfifo(host.folder / "fifo")
    said = host.place(entry, status=1)
    assert words in said
    assert (host.folder / "text").read_text() == "somebody's"
    assert sorted(each.name for each in host.folder.iterdir()) == ["fifo", "folder", "nowhere", "text"]
