"""Which folders may be a mooring_root: one of its own, and none that the system, or a user, keeps other things in."""

from __future__ import annotations

import re

TOP = (
    *(
        "bin",
        "boot",
        "dev",
        "etc",
        "home",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "lost+found",
        "media",
        "mnt",
        "opt",
        "proc",
    ),
    *("root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"),
)
"""The top of the file system (Filesystem Hierarchy Standard 3.0, and what Linux adds)."""

BELOW = {
    "/usr": (
        "bin",
        "games",
        "include",
        "lib",
        "lib32",
        "lib64",
        "libexec",
        "libx32",
        "local",
        "sbin",
        "share",
        "src",
    ),
    "/usr/local": (
        "bin",
        "etc",
        "games",
        "include",
        "lib",
        "lib64",
        "libexec",
        "man",
        "sbin",
        "share",
        "src",
    ),
    "/var": (
        *(
            "account",
            "backups",
            "cache",
            "crash",
            "games",
            "lib",
            "local",
            "lock",
            "log",
            "mail",
            "opt",
            "run",
            "spool",
        ),
        *("tmp", "www", "yp"),
    ),
    "/run": ("lock", "systemd", "udev", "user"),
}

SYSTEM = frozenset(
    [
        "/",
        *(f"/{name}" for name in TOP),
        *(f"{above}/{name}" for above, names in BELOW.items() for name in names),
    ]
)


def normal(path: str) -> str:
    """Write a path in one way: one slash between two names, none at the end."""
    return re.sub(r"/+", "/", path).rstrip("/") or "/"


def is_system(path: str) -> bool:
    """Tell whether the folder is one of the system's own, or somebody's home."""
    return normal(path) in SYSTEM or re.fullmatch(r"/home/[^/]+", normal(path)) is not None


def may_be_root(value: object) -> bool:
    """Check for the absolute path of a folder that may be a mooring_root."""
    return (
        isinstance(value, str)
        and re.fullmatch(r"/[A-Za-z0-9._/-]+", value) is not None
        and not {".", ".."} & set(value.split("/"))
        and not is_system(value)
    )
