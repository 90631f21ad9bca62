"""Build a bundle: everything that one virtualenv on a target needs, in one file, for that target's Python.

A target has neither a compiler nor a registry, so the controller does what needs them: it builds the given
sources into wheels, downloads what the hash-locked requirements files name, and packs both with a
`requirements.txt` that carries a hash for each wheel. The target installs with `--no-index --require-hashes`.

The bundle's id is the hash of what goes into it (sources, requirements, Python, platform), so the same inputs
give the same id, and an existing bundle is not built again. Prints one JSON object:
`{"id": …, "path": …, "built": bool}`. Exit 1 with one sentence on stderr when something cannot be built.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import tomllib
from packaging.markers import Marker

# Debian 10's glibc; older ones miss wheels of today.
OLDEST_GLIBC_MINOR = 17
SKIPPED = {"__pycache__", ".git", ".mypy_cache", ".ruff_cache"}
BUILT = {"build", "dist"}  # by a build, in the source's own folder; deeper ones are the project's


class BundleError(Exception):
    """A bundle cannot be built; the message says why and what to do."""


def source_files(source: Path) -> list[Path]:
    """List the files of a source folder (or the wheel itself) that count for its hash, sorted."""
    if source.is_file():
        return [source]
    return sorted(
        path for path in source.rglob("*") if path.is_file() and _counts(path.relative_to(source).parts)
    )


def _counts(parts: tuple[str, ...]) -> bool:
    """Tell whether a file is the project's own, and none that a build or a check has left there."""
    left = parts[0] in BUILT or any(part.endswith((".egg-info", ".pyc")) for part in parts)
    return not left and not SKIPPED & set(parts)


def source_digest(source: Path) -> str:
    """Hash names and contents of a source's files (SHA-256, hexadecimal)."""
    digest = hashlib.sha256()
    for path in source_files(source):
        digest.update(f"{path.relative_to(source.parent)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def logical_lines(text: str) -> list[str]:
    """Join continued lines of a requirements file; comments and blank lines fall away."""
    joined = re.sub(r"\\\n", " ", text)
    stripped = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in stripped if line]


def requirements_for(paths: list[Path], environment: dict[str, str]) -> list[str]:
    """Keep the requirements whose marker (PEP 508) holds on the target, without the marker.

    pip evaluates markers for the Python that runs it, not for `--python-version`: so it is done here.
    """
    kept: dict[str, str] = {}
    for path in paths:
        for line in logical_lines(path.read_text()):
            if line.startswith("-"):
                raise BundleError(
                    f"{path}: {line.split()[0]} is not understood; a requirements file names versions and hashes alone"
                )
            requirement, *hashes = re.split(r"\s+--hash=", line)
            name, _, marker = requirement.partition(";")
            name = name.strip()
            if not hashes or "==" not in name:
                raise BundleError(
                    f"{path}: {name} carries no pinned version with a hash; "
                    "make the file with `uv pip compile --generate-hashes` or `pip-compile --generate-hashes`"
                )
            if not marker or Marker(marker).evaluate(environment):
                project = re.split(r"[\[=]", name)[0].lower().replace("_", "-")
                if kept.setdefault(project, line) != line and kept[project].split()[0] != name:
                    raise BundleError(
                        f"{path}: {name} contradicts {kept[project].split()[0]}; pin one version of {project}"
                    )
                kept[project] = " ".join([name, *(f"--hash={value}" for value in sorted(hashes))])
    return [kept[project] for project in sorted(kept)]


def platforms(machine: str, glibc: tuple[int, int]) -> list[str]:
    """List the platform tags (PEP 600) that a target's machine and glibc admit, newest first."""
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(glibc[1], OLDEST_GLIBC_MINOR - 1, -1)]
    return [*tags, f"manylinux2014_{machine}", f"linux_{machine}"]


def run(command: list[str], failure: str) -> None:
    """Run a command; its output is shown only when it fails."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1577836800", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise BundleError(f"{failure}:\n{(done.stderr or done.stdout).strip()[-2000:]}")


def build_source(source: Path, wheels: Path) -> str:
    """Build one source (a project folder or a wheel) and return its line for requirements.txt."""
    before = set(wheels.iterdir())
    if source.suffix == ".whl":
        (wheels / source.name).write_bytes(source.read_bytes())
    else:
        project = (
            tomllib.loads((source / "pyproject.toml").read_text())
            if (source / "pyproject.toml").exists()
            else {}
        )
        # hatchling stands in the controller's virtualenv, locked; any other backend comes by build isolation.
        isolation = (
            ["--no-build-isolation"]
            if project.get("build-system", {}).get("build-backend") == "hatchling.build"
            else []
        )
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            *isolation,
            "--wheel-dir",
            str(wheels),
            str(source),
        ]
        run(command, f"the source {source} does not build into a wheel")
    (wheel,) = set(wheels.iterdir()) - before
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def build(target: Path, sources: list[Path], requirements: list[str], python: str, tags: list[str]) -> None:
    """Build the bundle's wheels and pack them; the file appears complete or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        wheels = Path(folder, "bundle")
        wheels.mkdir()
        listing = Path(folder, "requirements.txt")
        listing.write_text("\n".join(requirements) + "\n")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
        ]
        command += [
            "--python-version",
            python,
            "--implementation",
            "cp",
            "--dest",
            str(wheels),
            "--requirement",
            str(listing),
        ]
        command += [word for tag in [*tags, "any"] for word in ("--platform", tag)]
        run(command, f"the locked packages cannot be had as wheels for Python {python} ({tags[0]})")
        own = [build_source(source, wheels) for source in sources]
        (wheels / "requirements.txt").write_text("\n".join([*requirements, *own]) + "\n")
        packed = Path(folder, target.name)
        with tarfile.open(packed, "w") as archive:
            for path in sorted(wheels.iterdir()):
                archive.add(path, arcname=path.name)
        packed.replace(target)


def check_exist(paths: list[Path]) -> None:
    """Refuse a source or a requirements file that does not exist."""
    for path in paths:
        if not path.exists():
            raise BundleError(
                f"{path} does not exist (app_source and app_requirements are relative to the repository's folder)"
            )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--source", action="append", default=[], type=Path, help="a Python project's folder, or a wheel"
    )
    parser.add_argument(
        "--requirements", action="append", default=[], type=Path, help="a requirements file with hashes"
    )
    parser.add_argument("--python-version", required=True, help="the target's, as 3.11.2")
    parser.add_argument("--machine", required=True, help="the target's, as x86_64")
    parser.add_argument("--glibc", required=True, help="the target's, as 2.36")
    parser.add_argument("--cache", required=True, type=Path, help="the folder that keeps the bundles")
    parser.add_argument("--dry-run", action="store_true", help="tell id and path, build nothing")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Build the bundle that the command line describes, or find it built."""
    options = parse(arguments)
    try:
        check_exist([*options.source, *options.requirements])
        python = ".".join(options.python_version.split(".")[:2])
        environment = {
            "python_version": python,
            "python_full_version": options.python_version,
            "platform_machine": options.machine,
            "sys_platform": "linux",
            "platform_system": "Linux",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        requirements = requirements_for(options.requirements, environment)
        major, minor = (int(part) for part in options.glibc.split(".")[:2])
        tags = platforms(options.machine, (major, minor))
        inputs = {
            "requirements": requirements,
            "python": python,
            "platforms": tags,
            "sources": [source_digest(path) for path in options.source],
        }
        identity = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]
        target = options.cache / f"{identity}.tar"
        built = not target.exists() and not options.dry_run
        if built:
            build(target, options.source, requirements, python, tags)
    except BundleError as error:
        sys.stderr.write(f"bundle: {error}\n")
        return 1
    sys.stdout.write(json.dumps({"id": identity, "path": str(target.resolve()), "built": built}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
