"""A bundle on the target: nothing of it is used unless it is the one that was built, and it holds plain files alone."""

from __future__ import annotations

import hashlib
import io
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import on_host

PROGRAM = """
import sys
from mooring.host import errors, unpack
try:
    unpack.unpack(sys.stdin.buffer, *sys.argv[1:])
except errors.HostError as error:
    sys.exit(str(error))
except OSError as error:
    sys.exit(f"{error.filename}: {error.strerror}")
"""
SOURCE = on_host.together(PROGRAM.lstrip(), "unpack")


def bundle(*members: tarfile.TarInfo | str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = 1 if info.isreg() else 0
            archive.addfile(info, io.BytesIO(b"x"))
    return held.getvalue()


def unpacked(content: bytes, folder: Path, digest: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run it as the role does."""
    digest = digest or hashlib.sha256(content).hexdigest()
    command = [sys.executable, "-I", "-c", SOURCE, digest, str(folder)]
    return subprocess.run(command, input=content, capture_output=True, check=False)


def special(name: str, kind: bytes, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    return tmp_path / "wheels"


def test_the_bundle_that_was_built_is_unpacked_without_its_rights(folder: Path) -> None:
    content = bundle(
        "requirements.txt",
        "installer/pip-1-py3-none-any.whl",
        special("a_b-1!2+c-py3-none-any.whl", tarfile.REGTYPE, mode=0o6777),
    )
    done = unpacked(content, folder)
    assert (done.returncode, done.stderr) == (0, b"")
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert files == ["a_b-1!2+c-py3-none-any.whl", "installer/pip-1-py3-none-any.whl", "requirements.txt"]
    for path in map(folder.joinpath, files):
        assert path.read_bytes() == b"x"
        assert not stat.S_IMODE(path.stat().st_mode) & ~0o644


def test_another_bundle_than_the_one_that_was_built_is_not_used(folder: Path) -> None:
    good, evil = bundle("requirements.txt"), bundle("requirements.txt", "evil-1-py3-none-any.whl")
    for content in (evil, good[:-1], b""):
        done = unpacked(content, folder, hashlib.sha256(good).hexdigest())
        assert done.returncode == 1
        assert b"the bundle that has arrived is not the one that was built" in done.stderr
        assert b"Traceback" not in done.stderr
        assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "member",
    [
        "/tmp/mooring-evil",
        "../evil",
        "a/b",
        "installer/../evil",
        "installer/a/b",
        "installer/.hidden",
        "installer",
        special("installer", tarfile.SYMTYPE, "/etc"),
        ".hidden",
        "-e",
        special("a", tarfile.SYMTYPE, "/etc"),
        special("a", tarfile.LNKTYPE, "/etc/passwd"),
        special("a", tarfile.DIRTYPE),
        special("a", tarfile.FIFOTYPE),
        special("a", tarfile.CHRTYPE),
        special("a", tarfile.BLKTYPE),
    ],
)
def test_a_bundle_of_anything_but_plain_files_is_refused(member: tarfile.TarInfo | str, folder: Path) -> None:
    done = unpacked(bundle("first", member), folder)
    assert done.returncode == 1
    assert b"which is no plain file" in done.stderr or b"installer: File exists" in done.stderr
    assert {path.name for path in folder.rglob("*")} == {"first", "installer"}
    assert {path.name for path in folder.parent.iterdir()} == {"wheels"}
    assert not Path("/tmp/mooring-evil").exists()


def test_nothing_that_stands_there_is_written_through(folder: Path) -> None:
    assert b"File exists" in unpacked(bundle("first", "first"), folder).stderr
    (folder / "first").unlink()
    (folder / "second").symlink_to(folder.parent / "precious")
    assert b"is not empty" in unpacked(bundle("second"), folder).stderr
    assert not (folder.parent / "precious").exists()
    elsewhere = folder.parent / "link"
    elsewhere.symlink_to(folder)
    assert unpacked(bundle("third"), elsewhere).returncode == 1
