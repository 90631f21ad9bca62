"""Lock what builds a project: write mooring-build.txt beside its pyproject.toml, with a hash for each package.

    make lock-build ARGS=path/to/project
    make lock-build ARGS="--requires 'setuptools<81' --requires cython --output FILE"

uv resolves, from the indexes that pip's settings name, for each Python and machine that a controller may have. It takes
wheels alone, so nothing that is being locked runs. Then the project's backend, installed by the new lock, is asked
whether it wants more (setup_requires, plugins): that is the first code that runs, so read what the command has written.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from build import ProjectBuilder

from bundle import history, installer, listing, sources
from bundle.backends import Workshop, begun
from bundle.errors import BundleError
from bundle.locks import COMMAND, NAME
from mooring import texts

OLDEST_CONTROLLER = "3.11"
# pip's setting (as installer.settings has it) -> uv's.
SETTINGS = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_CLIENT_CERT": "SSL_CLIENT_CERT",
}
LISTS = ("UV_FIND_LINKS",)  # uv wants commas


def write(project: Path | None, requires: Collection[str], output: Path, uv: Path) -> None:
    """Lock what a project asks for, and `requires`, into `output`. Raises BundleError."""
    text = resolved(requires, output, uv) if project is None else _of_project(project, requires, output, uv)
    written = output.with_name(f"{output.name}.{os.getpid()}")
    written.write_text(text)
    written.replace(output)


def _of_project(project: Path, requires: Collection[str], output: Path, uv: Path) -> str:
    if sources.kind_of(project) != sources.PROJECT:
        raise BundleError(f"{project} is not built: it needs no lock")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        listing.copy(listing.files(project, built=True), sources.copy_of(project, place))
        extra = history.shown(project, place) if history.needed(project) else {}
        copy = sources.copy_of(project, place)
        asked = {*requires, *ProjectBuilder(copy).build_system_requires}
        lock = place / NAME
        while True:  # a backend that has got what it asked for may ask for no more (PEP 517), so this ends
            text = resolved(asked, output, uv)
            lock.write_text(text)
            with begun(Workshop(place / "cache", (lock,)), project, str(project), extra) as build:
                if not (more := build.asked_for(copy) - asked):
                    return text
            asked |= more


def resolved(requires: Collection[str], output: Path, uv: Path) -> str:
    """Resolve requirements by uv; the text of a requirements file with hashes. Raises BundleError."""
    words = [
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--python-version",
        OLDEST_CONTROLLER,
        "--generate-hashes",
    ]
    words += [
        "--no-build",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--custom-compile-command",
        COMMAND,
        "-",
    ]
    done = subprocess.run(
        [str(uv), *words],
        input="".join(f"{each}\n" for each in sorted(requires)),
        env=_environment(),
        cwd=output.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BundleError(
            f"what builds it cannot be locked ({', '.join(sorted(requires))}): {' '.join(done.stderr.split())[-1000:]}"
        )
    return done.stdout


def _environment() -> dict[str, str]:
    """Return the environment of uv: pip's index settings in its words, and none of its own."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    told = {SETTINGS[name]: value for name, value in installer.settings().items() if name in SETTINGS}
    told |= {name: ",".join(told[name].split()) for name in LISTS if name in told}
    return {**bare, **told, "UV_NO_CONFIG": "1"}


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").splitlines()[0])
    parser.add_argument("project", nargs="?", type=Path, help="the project's folder")
    parser.add_argument("--requires", action="append", default=[], help="one more requirement to lock")
    parser.add_argument(
        "--output", type=Path, help=f"the file to write (default: {NAME} in the project's folder)"
    )
    parser.add_argument("--uv", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.project is None and not (options.requires and options.output):
        parser.error("name a project's folder, or --requires and --output")
    output = options.output or options.project / NAME
    try:
        write(options.project, options.requires, output, options.uv)
    except (BundleError, OSError) as error:
        texts.write_line(sys.stderr, error)
        return 1
    texts.write_line(
        sys.stdout, f"{output} is written. Read it before you commit it: a deploy runs what it names."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
