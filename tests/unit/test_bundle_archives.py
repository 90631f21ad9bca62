"""Archives of others are unpacked: nothing of a hostile one appears outside of the folder, on any Python."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle import archives, sdists
from bundle.archives import ArchiveError, unpack
from bundle.errors import BundleError

Entry = tuple[str, bytes, str | bytes]  # name, tarfile's type, and a link's target or a file's content


def packed(path: Path, *entries: Entry, mode: str = "w:gz", **fields: object) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, kind, what in entries:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.mode = 0o644
            for field, value in fields.items():
                setattr(info, field, value)
            if isinstance(what, str):
                info.linkname = what
                archive.addfile(info)
            else:
                info.size = len(what)
                archive.addfile(info, io.BytesIO(what))
    return path


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Where an archive is unpacked, beside what it must not reach."""
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "around").mkdir()
    folder = tmp_path / "around" / "unpacked"
    folder.mkdir()
    return folder


SMALL = 3 * 1024**2
REG, DIR, SYM, LNK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("/tmp/mooring-evil", REG, b"x")], "leads out of the folder"),
        ([("p/../../evil", REG, b"x")], "leads out of the folder"),
        ([("..", DIR, b"")], "leads out of the folder"),
        ([("p/a", SYM, "/etc")], "leads out of the folder"),
        ([("p/a", SYM, "../../..")], "leads out of the folder"),
        ([("p/a", LNK, "../../precious")], "leads out of the folder"),
        ([("p/a", LNK, "/etc/passwd")], "leads out of the folder"),
        # Through a link that an earlier entry has made.
        ([("p/a", SYM, "../.."), ("p/a/evil", REG, b"x")], "Is a directory"),
        ([("p/a", SYM, "../.."), ("p/a/evil", SYM, "x")], "stands below a link"),
        ([("p/a", SYM, "../.."), ("p/a/precious", LNK, "p/x")], "No such file"),
        ([("p/x", REG, b"x"), ("p/a", SYM, "../../precious"), ("p/b", LNK, "p/a")], "No such file"),
        # Each link looks harmless by its text, and both lead out together.
        ([("p/q/r/up", SYM, "../../.."), ("p/out", SYM, "q/r/up/../..")], "leads out of the folder"),
        ([("p/a", tarfile.CHRTYPE, "")], "neither file, folder nor link"),
        ([("p/a", tarfile.BLKTYPE, "")], "neither file, folder nor link"),
        ([("p/a", tarfile.FIFOTYPE, "")], "neither file, folder nor link"),
        ([("p/a", REG, b"x"), ("p/a/b", REG, b"x")], "."),
        ([("p/a/b", REG, b"x"), ("p/a", REG, b"x")], "."),
        ([("p/" + "a/" * 3000 + "b", REG, b"x")], "."),
    ],
)
def test_a_hostile_archive_is_refused_and_reaches_nothing(
    entries: list[Entry], words: str, there: Path, tmp_path: Path
) -> None:
    archive = packed(tmp_path / "a.tar.gz", *entries)
    with pytest.raises(ArchiveError, match=words):
        unpack(archive, there)
    assert {path.name for path in tmp_path.iterdir()} == {"precious", "around", "a.tar.gz"}
    assert (tmp_path / "precious").read_text() == "mine"
    assert [path.name for path in (tmp_path / "around").iterdir()] == ["unpacked"]
    assert not Path("/tmp/mooring-evil").exists()
    # As the build has it: one sentence.
    (tmp_path / "built").mkdir()
    with pytest.raises(BundleError, match=r"lock\.txt: evil: a\.tar\.gz is no source archive of one project"):
        sdists._unpacked(archive, tmp_path / "built/source", "lock.txt: evil")


def test_what_a_source_archive_has_arrives_without_its_rights(there: Path, tmp_path: Path) -> None:
    archive = packed(
        tmp_path / "a.tar.gz",
        ("./p", DIR, b""),
        ("p/program", REG, b"one"),
        ("p/same", LNK, "p/program"),
        ("p/deep/er/file", REG, b"two"),
        ("p/link", SYM, "deep/er/file"),
        ("p/folder", SYM, "deep"),
        ("p/nowhere", SYM, "absent"),
        ("p/circle", SYM, "circle"),
        ("p/program", REG, b"three"),
        mode="w:gz",
        uid=12345,
        gid=12345,
    )
    with tarfile.open(tmp_path / "b.tar", "w") as other:
        info = tarfile.TarInfo("p/setuid")
        info.mode = 0o7777
        other.addfile(info)
    unpack(archive, there)
    unpack(tmp_path / "b.tar", there)
    assert (there / "p/program").read_bytes() == b"three"
    assert (there / "p/same").read_bytes() == b"one"
    assert (there / "p/link").read_bytes() == (there / "p/folder/er/file").read_bytes() == b"two"
    assert not below(there) & {"p/nowhere", "p/circle"}  # they lead nowhere
    for path in there.rglob("*"):
        assert path.lstat().st_uid == os.getuid()
        assert path.is_symlink() or not stat.S_IMODE(path.stat().st_mode) & 0o7022, path
    assert stat.S_IMODE((there / "p/setuid").stat().st_mode) == 0o755


def bomb_of_zeros(path: Path) -> None:
    info = tarfile.TarInfo("p/a")
    info.size = archives.MOST_BYTES * 1000
    with gzip.open(path, "wb") as file:
        file.write(info.tobuf())
        file.write(bytes(5 * 1024**2))


def sparse(path: Path) -> None:
    info = tarfile.TarInfo("p/a")
    info.pax_headers = {"GNU.sparse.size": str(10**15), "GNU.sparse.map": "0,0", "GNU.sparse.name": "p/a"}
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)


def long_header(path: Path) -> None:
    info = tarfile.TarInfo("p/a")
    info.pax_headers = {"comment": "x" * (archives.MOST_AT_ONCE + 1)}
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)


def nested_headers(path: Path) -> None:
    """Make headers that each say something of the next one, 3,000 times: tarfile calls itself for each."""
    content = b"11 path=pa\n"
    info = tarfile.TarInfo("h")
    info.type, info.size = tarfile.XHDTYPE, len(content)
    one = info.tobuf() + content.ljust(512, b"\0")
    path.write_bytes(gzip.compress(one * 3000))


def negative_size(path: Path) -> None:
    """Make an entry whose size leads back to itself: tarfile would read it for ever (CVE-2025-8194)."""
    head = bytearray(tarfile.TarInfo("p/a").tobuf())
    head[124:136] = (-512).to_bytes(12, "big", signed=True)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    path.write_bytes(gzip.compress(bytes(head) + bytes(10240)))


@pytest.mark.parametrize("make", [bomb_of_zeros, sparse, long_header, nested_headers, negative_size])
def test_sizes_are_counted_and_not_believed(
    make: Callable[[Path], None], there: Path, tmp_path: Path
) -> None:
    make(tmp_path / "a.tar.gz")
    with pytest.raises(ArchiveError):
        unpack(tmp_path / "a.tar.gz", there)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_bomb_is_cut(kind: str, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives._Limit, "__init__", lambda self: setattr(self, "left", SMALL))
    archive = tmp_path / f"a.{kind}"
    if kind == "tar":
        packed(archive, ("p/a", REG, bytes(4 * 1024**2)))
    else:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr("p/a", bytes(4 * 1024**2))
    with pytest.raises(ArchiveError, match="it holds more than"):
        unpack(archive, there)
    assert sum(path.stat().st_size for path in there.rglob("*") if path.is_file()) <= SMALL


def test_entries_are_counted(there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_ENTRIES", 3)
    with pytest.raises(ArchiveError, match="more than 3 entries"):
        unpack(packed(tmp_path / "a.tar", *[(f"p/{number}", REG, b"") for number in range(4)]), there)


@pytest.mark.parametrize("name", ["/tmp/mooring-evil", "../evil", "p/../../evil"])
def test_a_zip_archive_that_leads_out_is_refused(name: str, there: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr(name, "x")
    with pytest.raises(ArchiveError, match="leads out of the folder"):
        unpack(tmp_path / "a.zip", there)
    assert not below(there)


def test_a_zip_archive_has_no_links_and_no_rights(there: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        info = zipfile.ZipInfo("p/setuid")
        info.external_attr = (stat.S_IFREG | 0o6777) << 16
        zipped.writestr(info, "x")
    unpack(tmp_path / "a.zip", there)
    assert stat.S_IMODE((there / "p/setuid").stat().st_mode) == 0o755
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as zipped:
        info = zipfile.ZipInfo("p/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="neither file nor folder"):
        unpack(tmp_path / "b.zip", there)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", bytes(512), b"x" * 2000]
)
def test_what_is_no_archive_is_refused(content: bytes, there: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(BundleError, match="is no source archive of one project"):
        sdists._unpacked(tmp_path / "a", there / "source", "lock.txt: evil")


def test_a_description_that_is_a_bomb_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("METADATA", bytes(2 * 1024**2))
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped:
        assert len(archives.read_member(zipped, "METADATA")) == 2 * 1024**2
        with pytest.raises(ArchiveError, match="longer than 1048576 bytes"):
            archives.read_member(zipped, "METADATA", 1024**2)
