"""What is chosen for a target by what the probe has told of it: its Python, and how many workers."""

from __future__ import annotations

from typing import Any

OLDEST = [3, 10, 0]
"""The oldest Python that Mooring runs with."""


def python(facts: dict[str, Any], wanted: str) -> dict[str, Any]:
    """Choose the newest interpreter that will do, or the one whose path is `wanted` ("auto": any); {} for none.

    It is CPython on glibc with venv, the service user can run it, and put no other in its place.
    """
    return next(
        (
            each
            for each in facts["pythons"]
            if each["implementation"] == "cpython"
            and each["libc"] == "glibc"
            and each["venv"]
            and each["user_may_run"] is not False
            and not each["exposed"]
            and each["version"] >= OLDEST
            and wanted in ("auto", each["path"])
        ),
        {},
    )


def workers(facts: dict[str, Any], wanted: object) -> int:
    """Tell how many workers "cores" are there; a number is itself."""
    return int(facts["cores"]["available"] if str(wanted) == "cores" else str(wanted))
