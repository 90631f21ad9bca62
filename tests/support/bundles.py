"""What the bundle's tests share: small projects, and a run of the command line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from bundle.__main__ import main

HASH = "--hash=sha256:" + "0" * 64
OTHER = "--hash=sha256:" + "1" * 64
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}.0"


def write(path: Path, text: str | bytes) -> Path:
    """Write a file, its folders too; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(text, str):
        path.write_text(text)
    else:
        path.write_bytes(text)
    return path


def greeter(folder: Path, *, requires: str = '"hatchling"', backend: str = "hatchling.build") -> Path:
    """Make a project of one module, packaged."""
    write(
        folder / "pyproject.toml",
        f'[build-system]\nrequires = [{requires}]\nbuild-backend = "{backend}"\n'
        '[project]\nname = "greeter"\nversion = "1.0"\nrequires-python = ">=3.10"\n'
        '[tool.hatch.build.targets.wheel]\ninclude = ["greeter.py"]\n'
        '[tool.setuptools]\npackages = ["hello"]\n',
    )
    write(folder / "hello/__init__.py", "")
    write(folder / "greeter.py", "GREETING = 'hello'\n")
    return folder


def command(cache: Path, *more: object, python: str = HERE) -> list[str]:
    """Compose a command line for this machine's kind of target."""
    target = ["--python-version", python, "--machine", "x86_64", "--glibc", "2.36"]
    return ["--cache", str(cache), *target, *map(str, more)]


def run(capsys: Any, arguments: list[str]) -> Any:
    """Build a bundle; what the command line tells."""
    status = main(arguments)
    said = capsys.readouterr()
    assert status == 0, said.err
    return json.loads(said.out)


def refused(capsys: Any, arguments: list[str]) -> str:
    """Run a command line that must be refused; its words, which are no traceback."""
    status = main(arguments)
    said = capsys.readouterr()
    assert status == 1, said.out
    assert "Traceback" not in said.err
    return str(said.err)


def held(path: str) -> dict[str, zipfile.ZipFile]:
    """Open the wheels of a bundle, by name."""
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if member.name.endswith(".whl")]
        files = {member.name: archive.extractfile(member) for member in members}
        return {name: zipfile.ZipFile(BytesIO(file.read())) for name, file in files.items() if file}


def wheel(folder: Path, name: str, *requires: str, **modules: str) -> tuple[Path, str]:
    """Make a wheel of some modules, as an index has it; its path, and its line with a hash."""
    return wheel_of_files(
        folder, name, *requires, files={f"{module}.py": text for module, text in modules.items()}
    )


def wheel_of_files(
    folder: Path, name: str, *requires: str, files: dict[str, str], version: str = "1.0"
) -> tuple[Path, str]:
    """Make a wheel of these files; as `wheel`."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    described = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        **files,
        f"{described}/METADATA": metadata + "".join(f"Requires-Dist: {each}\n" for each in requires),
        f"{described}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)  # of 1980, whenever it is made
        archive.writestr(
            zipfile.ZipInfo(f"{described}/RECORD"),
            "".join(f"{file},,\n" for file in [*files, f"{described}/RECORD"]),
        )
    return path, f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as its author."""
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
    return subprocess.run(
        ["git", *author, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout
