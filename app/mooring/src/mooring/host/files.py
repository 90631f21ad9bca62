"""Files that hold state: written in one step, checked when they are read. Standard library alone."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from mooring import texts, untrusted


class WrongFileError(Exception):
    """A file is missing, cannot be read, or does not hold what it must; the text names it and says why."""


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Give the file this content, whatever happens meanwhile: there is the old file or the new one, never a part.

    A temporary file beside it, fsync(2), rename(2). What stands at the path and is no file (a folder) is moved aside.
    OSError; then the old file is as it was.
    """
    draft = path.with_name(f"{path.name}.partial")  # no .conf: supervisord does not read it
    try:
        _move_folder_aside(draft)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        _move_folder_aside(path)
        os.replace(draft, path)  # noqa: PTH105 - Path.replace hides that it is rename(2), which is the point
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    # The new file is in place: that its name may be lost with the machine's power is no reason to fail
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _move_folder_aside(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"{path.name}.aside-{time.time_ns()}"))


def read(path: Path) -> bytes:
    """Read a file. WrongFileError."""
    try:
        return untrusted.read_any(path)
    except FileNotFoundError:
        raise WrongFileError(f"{path} is missing") from None
    except OSError as error:
        raise WrongFileError(f"{path} cannot be read: {error.strerror}") from error


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object. WrongFileError."""
    content = read(path)
    if not content.strip():
        raise WrongFileError(f"{path} is empty")
    try:
        return texts.json_object(content)
    except ValueError as error:
        said = texts.NO_OBJECT if str(error) == texts.NO_OBJECT else "not JSON"
        raise WrongFileError(f"{path} is {said}") from error
