"""Unpack an archive of somebody else's so that nothing but what is in it appears, within the folder.

`tarfile` can do it since Python 3.11.4 alone (its filters, PEP 706), and has no limits, so the rules are ours:

- a name that is absolute, or has `..`, is refused, and so is a link that leads out of the folder;
- a device, a pipe, a socket and a sparse file are refused: no source archive needs one;
- files get the mode 0644 or 0755, folders what the umask says: no setuid bit, and nothing of others' users;
- bytes, compressed ones included, and entries are counted while they are read. What the archive says of itself is not
  believed.

Links are made when all files are there, and then looked up: nothing is ever written through one. One that leads nowhere
is left out.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

MOST_BYTES = 1024**3
"""Of all files together, and of all that is read for them."""
MOST_ENTRIES = 50_000
CHUNK = 256 * 1024
MOST_AT_ONCE = 1024**2
"""Of one header, which tarfile reads in one piece."""
BEGINNINGS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
DAMAGED = (
    OSError,
    EOFError,
    ValueError,  # names, numbers, encodings
    RuntimeError,  # headers nested too deep; a password is asked for; a compression that Python has not
    OverflowError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
"""What reading a damaged archive raises."""


class ArchiveError(ValueError):
    """The archive is not unpacked; the message says what is wrong in it."""


@dataclass
class _Limit:
    """So many bytes may still come."""

    left: int = MOST_BYTES

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise ArchiveError(f"it holds more than {MOST_BYTES} bytes")


class _Read:
    """A file as tarfile reads it, as far as the limit goes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._limit = file, _Limit()

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_AT_ONCE:
            raise ArchiveError(f"a header of it is longer than {MOST_AT_ONCE} bytes")
        content = self._file.read(size)
        self._limit.spend(len(content))
        return content

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or position < 0:
            raise ArchiveError("a size in it is wrong")
        self._limit.spend(max(0, position - self._file.tell()))
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


@dataclass
class _Folder:
    """Where an archive is unpacked, and the links that are to be made."""

    root: Path
    links: dict[tuple[str, ...], str] = field(default_factory=dict)
    limit: _Limit = field(default_factory=_Limit)
    entries: int = 0

    def parts(self, name: str) -> tuple[str, ...]:
        """Count an entry, and take its name apart. Raises ArchiveError for one that leads out of the folder."""
        self.entries += 1
        if self.entries > MOST_ENTRIES:
            raise ArchiveError(f"it has more than {MOST_ENTRIES} entries")
        parts = tuple(part for part in name.split("/") if part not in {"", "."})
        if name.startswith("/") or ".." in parts or "\0" in name:
            raise ArchiveError(f"{name!r} in it leads out of the folder")
        return parts

    def folder(self, parts: tuple[str, ...]) -> None:
        self.root.joinpath(*parts).mkdir(parents=True, exist_ok=True)

    def file(self, parts: tuple[str, ...], content: IO[bytes], mode: int) -> None:
        path = self.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # of one name twice, the last holds
        self.links.pop(parts, None)
        with path.open("xb") as file:
            while piece := content.read(CHUNK):
                self.limit.spend(len(piece))
                file.write(piece)
        path.chmod(0o755 if mode & 0o100 else 0o644)

    def make_links(self) -> None:
        """Make the links. Raises ArchiveError for one that leads out."""
        paths = []
        for parts, target in self.links.items():
            if any(parts[:length] in self.links for length in range(1, len(parts))):
                raise ArchiveError(f"{'/'.join(parts)!r} in it stands below a link")
            path = self.root.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(target)
            paths.append(path)
        inside = self.root.resolve()
        for path in paths:
            try:
                real = path.resolve(strict=True)
            except (OSError, RuntimeError):  # nowhere, in a circle, or too long to be looked up
                path.unlink()
                continue
            if not real.is_relative_to(inside):
                raise ArchiveError(
                    f"the link {str(path.relative_to(self.root))!r} in it leads out of the folder"
                )


def unpack(archive: Path, root: Path) -> None:
    """Unpack a tar or zip archive into an empty folder. Raises ArchiveError; what has been written may stay then."""
    into = _Folder(root)
    try:
        into.limit.spend(archive.stat().st_size)
        with archive.open("rb") as file:
            begins = file.read(6)
            file.seek(0)
            if begins.startswith(b"PK"):
                _unzip(file, into)
            else:
                opener = next((each for magic, each in BEGINNINGS.items() if begins.startswith(magic)), None)
                _untar(opener(file) if opener else file, into)
        into.make_links()
    except ArchiveError:
        raise
    except DAMAGED as error:
        raise ArchiveError(str(error) or type(error).__name__) from error


def read_member(archive: zipfile.ZipFile, name: str, most: int = MOST_AT_ONCE * 16) -> bytes:
    """Read one file of a zip archive. Raises ArchiveError when it is longer than `most` bytes, or damaged; KeyError."""
    try:
        with archive.open(name) as file:
            content = file.read(most + 1)
    except DAMAGED as error:
        raise ArchiveError(f"{name}: {error}") from error
    if len(content) > most:
        raise ArchiveError(f"{name} is longer than {most} bytes")
    return content


def _untar(file: IO[bytes], into: _Folder) -> None:
    bounded: Any = _Read(file)  # what tarfile uses of a file
    with tarfile.open(fileobj=bounded, mode="r:") as tarred:
        for member in tarred:
            parts = into.parts(member.name)
            if member.size < 0:
                raise ArchiveError("a size in it is wrong")
            if member.isdir():
                into.folder(parts)
            elif member.isreg() and not member.issparse():
                content = tarred.extractfile(member)
                assert content is not None  # noqa: S101 - of a regular file there is one
                into.file(parts, content, member.mode)
            elif member.issym():
                if member.linkname.startswith("/") or not parts:
                    raise ArchiveError(f"the link {member.name!r} in it leads out of the folder")
                into.links[parts] = member.linkname
            elif member.islnk():  # the same file with another name: a copy
                with into.root.joinpath(*into.parts(member.linkname)).open("rb") as content:
                    into.file(parts, content, member.mode)
            else:
                raise ArchiveError(f"{member.name!r} in it is neither file, folder nor link")


def _unzip(file: IO[bytes], into: _Folder) -> None:
    with zipfile.ZipFile(file) as zipped:
        for info in zipped.infolist():
            parts, mode = into.parts(info.filename), info.external_attr >> 16
            if info.is_dir():
                into.folder(parts)
            elif stat.S_IFMT(mode) in {0, stat.S_IFREG}:
                with zipped.open(info) as content:
                    into.file(parts, content, mode)
            else:
                raise ArchiveError(f"{info.filename!r} in it is neither file nor folder")
