"""The target: the Python, machine and C library that a bundle is for, and which wheels fit them."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from functools import cached_property

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from bundle.errors import BundleError

# Debian 10's glibc; older ones miss wheels of today.
OLDEST_GLIBC_MINOR = 17


@dataclass(frozen=True)
class TargetPython:
    """One kind of target: full Python version ("3.11.2"), machine ("x86_64"), glibc ("2.36")."""

    python_full: str
    machine: str
    glibc: str

    @property
    def python(self) -> str:
        """Return major and minor version: one bundle serves all patch releases."""
        return ".".join(self.python_full.split(".")[:2])

    @property
    def words(self) -> str:
        """Describe the target in a message."""
        return f"Python {self.python}, {self.machine}, glibc {self.glibc}"

    @property
    def environment(self) -> dict[str, str]:
        """Return what markers (PEP 508) are evaluated with: pip would take the Python that runs it."""
        return {
            "python_version": self.python,
            "python_full_version": self.python_full,
            "implementation_version": self.python_full,
            "platform_machine": self.machine,
            "sys_platform": "linux",
            "os_name": "posix",
            "platform_system": "Linux",
            "platform_release": "",
            "platform_version": "",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "extra": "",
        }

    @property
    def platforms(self) -> list[str]:
        """List the platform tags (PEP 600) that machine and glibc admit, newest first."""
        newest = _numbers(self.glibc)[1]
        tags = [f"manylinux_2_{minor}_{self.machine}" for minor in range(newest, OLDEST_GLIBC_MINOR - 1, -1)]
        return [*tags, f"manylinux2014_{self.machine}", f"linux_{self.machine}"]

    @cached_property
    def _tags(self) -> frozenset[Tag]:
        version = _numbers(self.python)
        return frozenset(
            [
                *cpython_tags(version, platforms=self.platforms),
                *compatible_tags(version, f"cp{version[0]}{version[1]}", [*self.platforms, "any"]),
            ]
        )

    def fits(self, wheel: str) -> bool:
        """Tell whether a wheel of that file name can be installed on the target."""
        return not self._tags.isdisjoint(parse_wheel_filename(wheel)[3])

    def check_given(self, wheel: str) -> None:
        """Refuse a wheel that somebody has built elsewhere and that does not fit. Raises BundleError."""
        if not self.fits(wheel):
            raise BundleError(
                f"{wheel} does not fit the target ({self.words}): name a wheel that is built for it"
            )

    def check_built(self, wheel: str, what: str) -> None:
        """Refuse a wheel built here that holds compiled code for another Python or machine. Raises BundleError."""
        name, _, _, tags = parse_wheel_filename(wheel)
        here = (
            f"Python {sys.version_info[0]}.{sys.version_info[1]}, {os.uname().machine}, glibc {glibc_here()}"
        )
        newer = any(tag.platform.startswith("linux_") for tag in tags) and _numbers(glibc_here()) > _numbers(
            self.glibc
        )
        if not self.fits(wheel) or newer:
            raise BundleError(
                f"{what} has compiled code: what the controller ({here}) builds does not fit the target "
                f"({self.words}); name a wheel of {name} that is built for the target in app_source"
            )


def glibc_here() -> str:
    """Return the controller's glibc version ("0.0" with another C library)."""
    return platform.libc_ver()[1] or "0.0"


def _numbers(version: str) -> tuple[int, int]:
    major, minor = (int(part) for part in version.split(".")[:2])
    return major, minor
