"""The state file: checked when it is read, written in one step whatever stands in its place."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest

from mooring.host import files, live
from mooring.host.files import WrongFileError
from mooring.host.live import Live

GOOD = {"colour": "blue", "release": "r1", "previous": "r0"}
WRONG = {
    "empty": ("", "is empty"),
    "blank": (" \n", "is empty"),
    "truncated": (json.dumps(GOOD)[:20], "is not JSON"),
    "garbage": ("\x00\xff\x10", "is not JSON"),
    "nested too deep": ("[" * 100_000, "is not JSON"),
    "a list": ("[]", "is not a JSON object"),
    "null": ("null", "is not a JSON object"),
    "no colour": (json.dumps({"release": "r1"}), "has no colour"),
    "no release": (json.dumps({"colour": "blue"}), "has no release"),
    "an unknown colour": (json.dumps({**GOOD, "colour": "red"}), "has the colour 'red'"),
    "a number": (json.dumps({**GOOD, "release": 5}), "has no release"),
    "a path": (json.dumps({**GOOD, "release": "../../etc"}), "which cannot be one's name"),
    "an empty release": (json.dumps({**GOOD, "release": ""}), "which cannot be one's name"),
    "a previous list": (json.dumps({**GOOD, "previous": []}), "has the previous release []"),
    "a built that is none": (json.dumps({**GOOD, "built": 5}), "has as built 5"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_the_files_name(tmp_path: Path, case: str) -> None:
    content, words = WRONG[case]
    path = tmp_path / "live.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(WrongFileError) as wrong:
        live.read(tmp_path)
    assert str(path) in str(wrong.value)
    assert words in str(wrong.value)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongFileError, match=r"live\.json is missing"):
        live.read(tmp_path)
    os.mkfifo(tmp_path / "live.json")
    with pytest.raises(WrongFileError, match=r"live\.json cannot be read: it is a FIFO, not a file"):
        live.read(tmp_path)
    (tmp_path / "live.json").unlink()
    (tmp_path / "live.json").mkdir()
    with pytest.raises(WrongFileError, match=r"live\.json cannot be read: it is a folder, not a file"):
        live.read(tmp_path)


def test_an_older_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "live.json").write_text(json.dumps(GOOD))
    assert live.read(tmp_path) == Live("blue", "r1", "r0")


@pytest.mark.parametrize("there", ["nothing", "file", "link", "folder", "draft", "folder as draft"])
def test_it_is_written_whatever_stands_there(tmp_path: Path, there: str) -> None:
    path, other = tmp_path / "live.json", tmp_path / "other"
    other.write_text("of somebody else")
    if there == "file":
        path.write_text("old")
    elif there == "link":
        path.symlink_to(other)
    elif there == "folder":
        path.mkdir()
        (path / "kept").touch()
    elif there == "draft":
        (tmp_path / "live.json.partial").symlink_to(other)
    elif there == "folder as draft":
        (tmp_path / "live.json.partial").mkdir()
    live.write(tmp_path, Live("green", "r2", "r1"))
    assert live.read(tmp_path) == Live("green", "r2", "r1")
    assert path.stat().st_mode & 0o777 == 0o644
    assert not path.is_symlink()
    assert other.read_text() == "of somebody else"
    assert not (tmp_path / "live.json.partial").is_symlink()
    if there == "folder":
        assert (next(tmp_path.glob("live.json.aside-*")) / "kept").exists()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    live.write(tmp_path, Live("blue", "r1"))
    with pytest.raises(OSError, match="No such file or directory"):
        files.write(tmp_path / "none" / "live.json", b"")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # as a full disk: no byte can be written
    try:
        with pytest.raises(OSError, match="File too large"):
            live.write(tmp_path, Live("green", "r2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert live.read(tmp_path) == Live("blue", "r1")
    assert [each.name for each in tmp_path.iterdir()] == ["live.json"]


MANIFESTS = {
    "{}": "has as instance None, not a name",
    '{"instance": 5, "workers": 2}': "has as instance 5, not a name",
    '{"instance": "api"}': "has as workers None, not a number",
    '{"instance": "api", "workers": "2"}': "has as workers '2', not a number",
    '{"instance": "api", "workers": true}': "has as workers True, not a number",
    "[]": "is not a JSON object",
    "": "is empty",
}


@pytest.mark.parametrize("content", MANIFESTS)
def test_a_wrong_release_json_is_told_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "releases/r1/release.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(WrongFileError) as wrong:
        live.manifest(tmp_path, "r1")
    assert str(path) in str(wrong.value)
    assert MANIFESTS[content] in str(wrong.value)
