"""Folders for tests that place unix sockets."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder with a short name: of a unix socket's 107 bytes, tmp_path may take all (it names the user and the test)."""
    path = Path(tempfile.mkdtemp(prefix="mooring-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)
