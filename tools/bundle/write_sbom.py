"""Write bills of materials without a deploy: of what a release and supervisord's virtualenv would hold, into build/.

    make sbom
    make sbom ARGS="--source path/to/project --app-requirements path/to/requirements.txt"
    make sbom ARGS="--python-version 3.10.12 --machine x86_64 --glibc 2.35"

The default is the shipped application, and a target like this machine. The bundles are built as a deploy builds them, in
the same folder, so the next deploy finds them.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from pathlib import Path

from bundle import sbom
from bundle.__main__ import a_path, build
from bundle.cache import CLONE, private_umask
from bundle.errors import BundleError
from bundle.target_python import glibc_here
from mooring import texts

# As the roles have them: roles/release/tasks/bundle.yml, roles/supervisor/tasks/bundle.yml, roles/virtualenv/defaults.
MOORING = CLONE / "app/mooring"
INSTALLER = CLONE / "requirements/installer.txt"
RELEASE = (CLONE / "requirements/runtime.txt",)
SUPERVISOR = (CLONE / "requirements/supervisor.txt",)
SHIPPED = (CLONE / "app/multicloud", CLONE / "requirements/multicloud.txt")
CACHE = CLONE / "build/bundles"
OUTPUT = CLONE / "build"


def write(options: argparse.Namespace) -> list[Path]:
    """Write both; their paths. Raises BundleError."""
    shipped = not options.source and not options.app_requirements
    sources = [SHIPPED[0]] if shipped else options.source
    requirements = [SHIPPED[1]] if shipped else options.app_requirements
    common = {name: getattr(options, name) for name in ("python_version", "machine", "glibc", "cache")}
    common["installer"] = [INSTALLER]  # packed beside, and not installed; the id depends on it
    bundles = {
        sbom.NAME: argparse.Namespace(
            source=[MOORING, *sources],
            requirements=list(RELEASE),
            app_requirements=requirements,
            build_requirements=options.build_requirements,
            **common,
        ),
        f"supervisor.{sbom.NAME}": argparse.Namespace(
            source=[MOORING],
            requirements=list(SUPERVISOR),
            app_requirements=[],
            build_requirements=[],
            **common,
        ),
    }
    written = []
    for name, each in bundles.items():
        with private_umask():
            made = build(each)
        options.output.mkdir(parents=True, exist_ok=True)
        written.append(Path(shutil.copyfile(str(made["sbom"]), options.output / name)))
    return written


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="make sbom", description=(__doc__ or "").splitlines()[0])
    for option, words in (
        ("source", "your application, as app_source names it"),
        ("app-requirements", "its requirements file with hashes"),
        ("build-requirements", "what builds it, as app_build_requirements names it"),
    ):
        parser.add_argument(f"--{option}", action="append", default=[], type=a_path, help=words)
    parser.add_argument("--python-version", default=platform.python_version(), help="the target's, as 3.11.2")
    parser.add_argument("--machine", default=os.uname().machine, help="the target's, as x86_64")
    parser.add_argument("--glibc", default=glibc_here(), help="the target's, as 2.36")
    parser.add_argument("--cache", default=CACHE, type=a_path, help=argparse.SUPPRESS)
    parser.add_argument("--output", default=OUTPUT, type=a_path, help="the folder (default: build)")
    try:
        written = write(parser.parse_args(arguments))
    except BundleError as error:
        texts.write_line(sys.stderr, error)
        return 1
    except OSError as error:
        texts.write_line(sys.stderr, f"{error.filename}: {error.strerror}")
        return 1
    for path in written:
        texts.write_line(sys.stdout, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
