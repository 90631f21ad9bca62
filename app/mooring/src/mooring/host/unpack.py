"""Unpack a bundle on the target, if it is the one that the controller has built.

The whole of it is received first, into a file without a name. Nothing of it is looked at before its SHA-256 is the one
that is wanted. Then it is as hostile as any archive: it may hold plain files alone, each name once, in no folder but the one
of what installs the others. They get the mode 0644, in a folder that is empty before.
Python 3.8's standard library alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
from typing import IO

from mooring.host import errors

CHUNK = 1 << 20
INSTALLER = "installer"
"""The folder in a bundle with what installs the rest (roles/virtualenv/tasks/install.yml runs it from there)."""
NAME = re.compile(rf"({INSTALLER}/)?[A-Za-z0-9][A-Za-z0-9._+!-]*")


class UnpackError(errors.HostError):
    """The bundle is not unpacked; the text says why."""


def unpack(bundle: IO[bytes], digest: str, folder: str) -> None:
    """Unpack the bundle of that SHA-256 into an empty folder. Raises UnpackError; OSError."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.listdir(place):  # noqa: PTH208 - an open folder
            raise UnpackError(f"{folder} is not empty: remove it, and deploy again")
        with tempfile.TemporaryFile(dir=folder) as held:
            received = hashlib.sha256()
            for piece in iter(lambda: bundle.read(CHUNK), b""):
                received.update(piece)
                held.write(piece)
            if received.hexdigest() != digest:
                raise UnpackError(
                    "the bundle that has arrived is not the one that was built: its SHA-256 is "
                    f"{received.hexdigest()}, and not {digest}. Somebody has changed it meanwhile, or the transfer is broken. "
                    "Nothing of it was used. Deploy again"
                )
            held.seek(0)
            try:
                _unpack(held, place)
            except tarfile.TarError as error:
                raise UnpackError(f"the bundle is no whole archive: {error}") from error
    finally:
        os.close(place)


def _unpack(held: IO[bytes], place: int) -> None:
    os.mkdir(INSTALLER, 0o755, dir_fd=place)
    with tarfile.open(fileobj=held, mode="r:") as archive:
        for member in archive:
            if not member.isreg() or member.issparse() or not NAME.fullmatch(member.name):
                raise UnpackError(f"the bundle holds {member.name!r}, which is no plain file")
            content: IO[bytes] = archive.extractfile(member)  # type: ignore[assignment] # a plain file has content
            new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(member.name, new, 0o644, dir_fd=place), "wb") as file:
                shutil.copyfileobj(content, file, CHUNK)
