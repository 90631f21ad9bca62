"""What systemd says of the two units of an instance: the service of its mooring_root, and the socket that holds its port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

RUNNING = {"ActiveState": "active", "UnitFileState": "enabled"}


@dataclass(frozen=True)
class Units:
    """What is known of them."""

    listen: str = ""
    """What the socket unit listens to, as systemctl writes it: `0.0.0.0:9001 (Stream)`."""
    serve: bool = True
    """Whether both run and are started at boot; also where there are to be none."""
    error: str = ""
    """Why systemd could not be asked."""


NONE = Units()


def names(unit: str, instance: str) -> tuple[str, str]:
    """Return the names of the service and of the socket unit."""
    return f"{unit}.service", f"{unit}-{instance}.socket"


def question(units: Sequence[str]) -> list[str]:
    """Return the command that asks systemd; it answers of a unit that is not there, too."""
    return ["systemctl", "show", "--property=Id,Listen,ActiveState,UnitFileState", *units]


def read(done: dict[str, Any]) -> Units:
    """Read what it has answered: a block of lines `Name=value` for each unit, an empty line between two."""
    if done.get("rc") != 0:
        return Units(serve=False, error=str(done.get("stderr") or done.get("msg") or "").strip())
    found = [
        dict(line.partition("=")[::2] for line in block.splitlines())
        for block in str(done["stdout"]).split("\n\n")
    ]
    serve = len(found) == 2 and all(RUNNING.items() <= each.items() for each in found)
    return Units(next((each["Listen"] for each in found if "Listen" in each), ""), serve)
