"""A tree: a folder without packaging, put into a wheel as it is.

On the target its files stand below `<virtualenv>/app/<folder's name>`, in their own places: what is looked up beside
them (templates, static files, public/, config.py) is found. A .pth file puts the tree on the path of every Python of
the virtualenv, in front of installed packages and behind the standard library.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from bundle.errors import BundleError
from bundle.listing import Entry

FOLDER = "app"
"""Below the virtualenv; mooring.worker.application looks for files there."""
VERSION = "0"
TIME = (2020, 1, 1, 0, 0, 0)


def pack(name: str, files: Iterable[Entry], root: str, folder: Path) -> Path:
    """Write the wheel of a tree called `name` into a folder; `root`: its folder that modules are imported from."""
    project = "mooring_app_" + (re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "tree")
    stem = f"{project}-{VERSION}"
    wheel = folder / f"{stem}-py3-none-any.whl"
    rows = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(path: str, content: bytes, mode: int) -> None:
            info = zipfile.ZipInfo(path, TIME)
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.append((path, f"sha256={digest}", str(len(content))))

        for entry in files:
            try:
                entry.name.encode()
            except UnicodeEncodeError as error:
                raise BundleError(f"{entry.path!r}: the name is not UTF-8: rename the file") from error
            mode = 0o755 if entry.executable else 0o644
            add(f"{stem}.data/data/{FOLDER}/{name}/{entry.name}", entry.path.read_bytes(), mode)
        add(f"{project}.pth", _path_line(f"{FOLDER}/{name}/{root}".rstrip("/")).encode(), 0o644)
        add(
            f"{stem}.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: {project}\nVersion: {VERSION}\n".encode(),
            0o644,
        )
        tags = "Wheel-Version: 1.0\nGenerator: mooring\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        add(f"{stem}.dist-info/WHEEL", tags.encode(), 0o644)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (f"{stem}.dist-info/RECORD", "", "")])
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/RECORD", TIME), text.getvalue())
    return wheel


def _path_line(path: str) -> str:
    """Return the .pth line: site.py runs a line that begins with `import` (documentation of the module site)."""
    return (
        f"import sys; p = __import__('os').path.join(sys.prefix, {path!r}); "
        "n = next((i for i, each in enumerate(sys.path) if 'site-packages' in each), len(sys.path)); "
        "p in sys.path or sys.path.insert(n, p)\n"
    )
