"""Hostile packages, as an application may lock them: each module notes where it is executed, by whom and in which command."""

from __future__ import annotations

import sys
from pathlib import Path

from support.bundles import wheel_of_files

NOTE = """import os, sys
with open({noted}, "a") as file:
    file.write(f"{{__name__}} {{os.geteuid()}} {{sys.orig_argv}}\\n")
"""
MODULES = """
    attr brotli brotlicffi chardet colorama h2 IPython ipywidgets keyring simplejson socks truststore zstandard
    _distutils_hack pkg_resources setuptools wheel distutils site sitecustomize usercustomize encodings
""".split()  # noqa: SIM905 - a table
"""What pip, and what it has in it, imports if it is there; and what Python itself looks for."""


def hostile_requirements(folder: Path, noted: str) -> Path:
    """Make two wheels, a pip and one with all other modules, a .pth file and programs; the file that locks them by their hashes.

    `noted`: where they note it, as Python writes it. With the same words the wheels are the same, and are built into one bundle.
    A line of what is noted: the module's name (`site` for the .pth file, which runs there), the user's number, the command.
    """
    note = NOTE.format(noted=noted)
    pip = {f"pip/{name}.py": note for name in ("__init__", "__main__", "_internal", "_vendor")}
    modules = {f"{name}/__init__.py": note for name in MODULES}
    data = "mooring_everywhere-1.0.data"
    more = {
        "a_first.pth": f"import os; exec({note!r})\n",
        f"{data}/scripts/mooringctl": f"#!{sys.executable}\n{note}",
        f"{data}/data/bin/sh": f"#!{sys.executable}\n{note}",
    }
    wheels = folder / "wheels"
    lines = [
        wheel_of_files(wheels, "pip", files=pip, version="26.2.99")[1],
        wheel_of_files(wheels, "mooring_everywhere", files={**modules, **more})[1],
    ]
    path = folder / "requirements.txt"
    path.write_text("\n".join(["--find-links wheels", *lines]) + "\n")
    return path
