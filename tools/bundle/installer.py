"""pip as the bundle runs it: from the indexes that the user's pip knows, and with nothing else of his settings.

`user = true`, `require-virtualenv`, a target folder, constraints or a format control are right for what the user
installs himself; a bundle has its own rules. So pip is started without configuration files (PIP_CONFIG_FILE is the
null device) and without PIP_ variables, but for those that say where packages come from and how they are reached.
"""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from bundle.errors import BundleError

# Options of pip that tell where packages are and how they are reached, as its configuration spells them.
KEPT = """
    index-url extra-index-url find-links no-index trusted-host proxy cert client-cert timeout default-timeout retries
    resume-retries keyring-provider cache-dir no-cache-dir use-feature use-deprecated
""".split()  # noqa: SIM905 - a table
SECTIONS = ("global.", "install.", "download.", ":env:.")  # in the order of their weight
# Wheels carry this time (2020-01-01), whenever they are built: the same source gives the same wheel.
SOURCE_DATE_EPOCH = "1577836800"


class InstallerError(BundleError):
    """pip has failed; ``said`` is all that it has said."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


@cache
def environment() -> Mapping[str, str]:
    """Return the environment of every pip: the user's own, his pip settings reduced to KEPT."""
    bare = {name: value for name, value in os.environ.items() if not _unwanted(name)}
    bare |= {"PIP_CONFIG_FILE": os.devnull, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
    return {**bare, **settings(), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def settings() -> dict[str, str]:
    """Return the user's pip settings that are kept, as PIP_ variables. Raises BundleError if pip cannot read its own."""
    done = subprocess.run([*command(), "config", "list"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BundleError(f"pip's own configuration cannot be read: {_end(done.stderr)}")
    found: dict[str, str] = {}
    rows = [row.partition("=") for row in done.stdout.splitlines()]
    for section in SECTIONS:
        for name, _, value in rows:
            if name.startswith(section) and name.removeprefix(section) in KEPT:
                text = " ".join(str(ast.literal_eval(value)).split())
                found["PIP_" + name.removeprefix(section).replace("-", "_").upper()] = text
    return found


def command() -> list[str]:
    """Return the words that start the controller's pip."""
    return [sys.executable, "-I", "-m", "pip"]


def run(words: Iterable[str], failure: str, folder: Path | None = None) -> str:
    """Run pip; its standard output. Raises BundleError: `failure`, and the end of what pip has said."""
    whole = [*command(), *words]
    done = subprocess.run(
        whole, cwd=folder, env=environment(), capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise InstallerError(f"{failure}: {_end(done.stderr or done.stdout)}", done.stderr)
    return done.stdout


def download(
    folder: Path, lines: Sequence[str], index: Sequence[str], words: Sequence[str], failure: str
) -> None:
    """Download wheels into a folder, each line (`name==version --hash=…`) by its hash. Raises InstallerError.

    `index`: options of pip that stand in the requirements file, `words`: more for its command line.
    """
    with tempfile.TemporaryDirectory() as place:
        listing = Path(place, "requirements.txt")
        # The index options stand in the file: a URL may hold a password, or a variable that pip fills in (${TOKEN}).
        listing.write_text("\n".join([*option_lines(index), *lines]) + "\n")
        whole = ["download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", *words]
        run([*whole, "--dest", str(folder), "--requirement", str(listing)], failure)


def option_lines(words: Sequence[str]) -> list[str]:
    """Write options as lines of a requirements file, each on its own: of two --find-links in a line pip takes the first."""
    starts = [number for number, word in enumerate(words) if word.startswith("--")]
    return [
        shlex.join(words[start:end]) for start, end in zip(starts, [*starts, len(words)][1:], strict=True)
    ]


def _unwanted(name: str) -> bool:
    """Tell whether a variable would change what pip installs where, or what Python imports in a build."""
    return name.startswith(("PIP_", "GIT_")) or name in {
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONUSERBASE",
        "__PYVENV_LAUNCHER__",
    }


def _end(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if not line.startswith(("WARNING:", "[notice]"))]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")]
    return " ".join(errors or lines)[-1000:]
