"""What a wheel says of itself: the folder that describes it, and its metadata."""

from __future__ import annotations

import email
import zipfile
from email.message import Message
from pathlib import Path
from typing import IO

from bundle import archives
from bundle.errors import BundleError


def described(archive: zipfile.ZipFile, what: str) -> str:
    """Return the folder of a wheel that describes it. Raises BundleError, which names `what`."""
    names = archive.namelist()
    for name in names:
        folder, _, file = name.partition("/")
        if folder.endswith(".dist-info") and file == "RECORD" and f"{folder}/METADATA" in names:
            return folder
    raise BundleError(f"{what} is a damaged wheel: build it again")


def metadata(wheel: Path | IO[bytes], what: str) -> Message:
    """Read a wheel's metadata (name, version, what it requires, licence). Raises BundleError, which names `what`."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return email.message_from_bytes(
                archives.read_member(archive, f"{described(archive, what)}/METADATA")
            )
    except (zipfile.BadZipFile, archives.ArchiveError) as error:
        raise BundleError(f"{what} is a damaged wheel: build it again") from error
