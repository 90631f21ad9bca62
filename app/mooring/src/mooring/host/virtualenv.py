"""`virtualenv.install`: a virtualenv from the bundle that the controller has built, whole or not at all.

Nothing of it is half done: what stands without its manifest, which is written last, is removed and installed again. Python
3.8's standard library alone. pip is Mooring's own, from the bundle, so that the target needs neither pip nor ensurepip, and runs
none that an application pins. It is the last thing that this virtualenv's Python does for who deploys: he may be root, and
what is installed then is the application's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from mooring import removal, texts
from mooring.host import errors, integrity, layout, shared, unpack

PIP = """\
import os, runpy, sys
wheel = sys.argv.pop(1)
sys.path = [wheel] + [each for each in sys.path if not each.startswith(sys.prefix + os.sep)]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
"""Runs pip from the wheel that is its first argument, and imports nothing of what pip installs meanwhile."""
SHEBANG = re.compile(rb"\A(#!/[^ \n]*/python[0-9.]*)$", re.MULTILINE)
LONG_SHEBANG = re.compile(rb"""\A(#![^\n]*\n'''exec' .*) ("\$0" "\$@")$""", re.MULTILINE)
"""The first lines of a console script as pip writes them; the second form is for an interpreter whose path is too long."""
SHOWN = 4000
"""Characters of the end of what pip says that are told."""


def install(  # noqa: PLR0913 - what, from what, and how
    path: Path,
    sha256: str,
    python: str,
    *,
    sbom: str = "",
    isolated: bool = False,
    data: IO[bytes],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Make the virtualenv at `path`, with the host's interpreter `python`, from the bundle that `data` has.

    The bundle must have that SHA-256. `sbom` is the text of its bill of materials. `isolated`: its console scripts start
    Python with -I. Returns the number of sealed `files`; one that another run has made meanwhile is left as it is. HostError,
    OSError; then nothing of it is complete.
    """
    layout.place([{"path": str(path.parent), "folder": True, "mode": "0755"}])
    with shared.alone(path.parent, progress):
        if (path / integrity.MANIFEST).exists():
            return {"changed": False, "files": 0}
        wheels = path.with_name(f"{path.name}.wheels")
        for left in (path, wheels):
            removal.remove_tree(left)
        layout.place([{"path": str(wheels), "folder": True, "mode": "0755"}])
        unpack.unpack(data, sha256, str(wheels))
        _run([python, "-I", "-m", "venv", "--without-pip", str(path)], wheels)
        (pip,) = (wheels / unpack.INSTALLER).glob("pip-*.whl")
        _run(
            [
                *(str(path / "bin/python"), "-I", "-c", PIP, str(pip)),
                *("--isolated", "install", "--quiet", "--disable-pip-version-check", "--compile"),
                *("--no-index", "--no-deps", "--ignore-installed", "--find-links", "."),
                *("--require-hashes", "--requirement", "requirements.txt"),
            ],
            wheels,
        )
        if isolated:
            _isolate(path / "bin")
        removal.remove_tree(wheels)
        if sbom:
            layout.place([{"path": str(path / "sbom.cdx.json"), "content": sbom, "mode": "0444"}])
        return integrity.seal_tree(path)


def _run(words: list[str], wheels: Path) -> None:
    """Run a program with nothing of who deploys; a file that it makes can be read by the service user. HostError.

    pip and venv obey neither the host's settings nor those of who deploys: pip reads no file at all with this PIP_CONFIG_FILE.
    """
    environment = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": "/dev/null",
        "TMPDIR": str(wheels),
    }
    before = os.umask(0o022)
    try:
        done = subprocess.run(
            words, cwd=wheels, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    finally:
        os.umask(before)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")[-SHOWN:]
        what = "the virtualenv cannot be made" if "venv" in words else "the packages cannot be installed"
        raise errors.HostError(
            f"{what} in {wheels.parent} (status {done.returncode}): {texts.plain_lines(said)}"
        )


def _isolate(folder: Path) -> None:
    """Have console scripts start Python with -I: root may run them in any folder, and with any environment."""
    for script in sorted(folder.iterdir()):
        if script.is_symlink() or not script.is_file():
            continue
        before = script.read_bytes()
        after = LONG_SHEBANG.sub(rb"\1 -I \2", SHEBANG.sub(rb"\1 -I", before, count=1), count=1)
        if after != before:
            draft = script.with_name(f".{script.name}.partial")
            draft.write_bytes(after)
            shutil.copymode(script, draft)
            draft.replace(script)
