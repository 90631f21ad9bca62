"""What the benchmark needs before it starts: wrk, ab, and a virtualenv of its own with the peers."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".cache" / "bench" / "venv"
PACKAGES = ROOT / "requirements" / "bench.txt"
BUILD = ROOT / "requirements" / "build.txt"
BJOERN = ROOT / "requirements" / "bench-bjoern.txt"
TOOLS = {"wrk": "wrk", "ab": "apache2-utils"}
LIBEV = (Path("/usr/include/ev.h"), Path("/usr/local/include/ev.h"))
DISTRIBUTION_PYTHON = Path("/usr/bin/python3")
SHOWN = (
    "eventlet",
    "greenlet",
    "httptools",
    "django",
    "pecan",
    "urllib3",
    "uwsgi",
    "gunicorn",
    "gevent",
    "granian",
    "waitress",
    "bjoern",
)


class MissingError(RuntimeError):
    """Something is not installed; the text says what and how to get it."""


def default_python() -> str:
    """Return the Python to measure with: the distribution's, which is what hosts run; if there is none, this one."""
    return str(DISTRIBUTION_PYTHON) if DISTRIBUTION_PYTHON.exists() else sys.executable


def check_tools() -> None:
    """Raise MissingError unless wrk and ab are there."""
    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing:
        raise MissingError(
            f"{' and '.join(missing)} not found: the loads are made with them."
            f" Install them: apt-get install {' '.join(TOOLS[name] for name in missing)}"
        )


def virtualenv(python: str) -> Path:
    """Build the virtualenv, unless it stands already with these packages and this Python; return its ``bin``."""
    stamp = VENV / "installed"
    version = _said([python, "-VV"], r"(.+)")
    wanted = hashlib.sha256(
        PACKAGES.read_bytes() + BJOERN.read_bytes() + BUILD.read_bytes() + version.encode()
    ).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        sys.stderr.write("Installing the peers into .cache/bench/venv (once; uWSGI is compiled) …\n")
        if subprocess.run([python, "-m", "venv", "--clear", VENV], check=False).returncode:
            raise MissingError(
                f"{python} makes no virtualenv (its words are above): apt-get install python3-venv, or name another: --python"
            )
        _pip(BUILD)
        _pip(PACKAGES)
        if has_libev():
            _pip(BJOERN)
        stamp.write_text(wanted, encoding="ascii")
    return VENV / "bin"


def _pip(packages: Path) -> None:
    # Without isolation: pip would fetch what builds uWSGI and bjoern by no hash. BUILD has it.
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--require-hashes", "--no-build-isolation", "-r", str(packages)], check=False
    )
    if done.returncode:
        raise MissingError(
            f"{packages.relative_to(ROOT)} could not be installed (pip's words are above);"
            " uWSGI needs a C compiler and Python's headers: apt-get install gcc python3-dev"
        )


def has_libev() -> bool:
    """Tell whether bjoern can be compiled here."""
    return any(path.exists() for path in LIBEV)


def absent() -> frozenset[str]:
    """Return the servers that are left out, after saying why."""
    if versions()["bjoern"]:
        return frozenset()
    sys.stderr.write(
        "bjoern is left out: it is compiled against libev. To have it measured too:"
        f" apt-get install libev-dev && rm -r {VENV.relative_to(ROOT)}\n"
    )
    return frozenset(("bjoern-raw", "bjoern-django"))


def versions() -> dict[str, str]:
    """Return what is installed in the virtualenv; an empty version: it is not."""
    site = next((VENV / "lib").glob("python3.*/site-packages"))
    there = {
        found.metadata["Name"].lower(): found.version for found in metadata.distributions(path=[str(site)])
    }
    return {name: there.get(name, "") for name in SHOWN}


def machine(app: Path) -> dict[str, str]:
    """Return what the figures depend on beside the peers; ``app`` is the folder that is measured."""
    cpu = memory = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemTotal:"):
            memory = f"{int(line.split()[1]) / 2**20:.0f} GiB"
    return {
        "processor": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": memory,
        "kernel": platform.release(),
        "Python": _said([str(VENV / "bin" / "python"), "-VV"], r"Python (.+)"),
        "wrk": _said(["wrk", "-v"], r"wrk (\S+)"),
        "ab": _said(["ab", "-V"], r"Version (\S+)"),
        "load average before": f"{os.getloadavg()[0]:.1f}",
        "revision": _said(["git", "-C", str(app), "describe", "--always", "--dirty"], r"(\S+)"),
    }


def _said(command: list[str], pattern: str) -> str:
    """Return what the pattern finds in a command's output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "unknown"
