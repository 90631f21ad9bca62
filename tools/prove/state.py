"""What runs of an instance and which release is live, as Mooring's program on the host tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prove.errors import OperationError


@dataclass(frozen=True)
class Process:
    """A process of the instance: supervisord's name for it, its pid (0: none), and whether it runs and is ready."""

    name: str
    pid: int
    ready: bool


@dataclass(frozen=True)
class State:
    """One moment of an instance. `release` and `previous` are ids, "" for none."""

    release: str
    previous: str
    releases: tuple[str, ...]
    framework: str
    """The live release's."""
    bootstrap: Process | None
    workers: tuple[Process, ...]
    """Of both generations, if both run."""

    @property
    def group(self) -> str:
        """Return the live generation's group, as supervisorctl takes it. OperationError when two run."""
        groups = {worker.name.partition(":")[0] for worker in self.workers}
        if len(groups) != 1:
            raise OperationError(
                f"one generation should run, and there are: {', '.join(sorted(groups)) or 'none'}"
            )
        return groups.pop()

    @property
    def generation(self) -> str:
        """Return the live generation, blue or green. OperationError when two run."""
        return self.group.rpartition("-")[2]

    @property
    def ready(self) -> bool:
        """Whether the bootstrap and every worker, one at least, are ready."""
        return bool(self.workers) and all(
            each is not None and each.ready for each in (self.bootstrap, *self.workers)
        )

    @property
    def pids(self) -> dict[str, int]:
        """Map each process to its pid."""
        return {each.name: each.pid for each in (self.bootstrap, *self.workers) if each is not None}

    @property
    def worker_pids(self) -> dict[str, int]:
        """Map each worker to its pid."""
        return {each.name: each.pid for each in self.workers}


def look(call: Callable[[str], dict[str, Any]]) -> State:
    """Return the state of an instance; `call` makes a call of `mooring.host` about it, or raises OperationError."""
    found = call("status")
    roles = {each["role"]: each for each in found["releases"] if each["role"]}
    live = roles.get("live", {})
    bootstrap = found["bootstrap"]
    return State(
        release=live.get("release", ""),
        previous=roles.get("previous", {}).get("release", ""),
        releases=tuple(each["release"] for each in found["releases"]),
        framework=live.get("framework", ""),
        bootstrap=_process(bootstrap) if bootstrap else None,
        workers=tuple(_process(each) for group in found["colours"].values() for each in group),
    )


def _process(found: dict[str, Any]) -> Process:
    runs = found["supervisord"] == "RUNNING"
    return Process(str(found["name"]), int(found["pid"]) if runs else 0, runs and found["ready"] is True)


def request(name: str, home: Path, **arguments: Any) -> tuple[list[str], str]:
    """Return the program of a call about the instance in `home`, and what it reads from its standard input."""
    root = home.parent.parent
    asked = {"root": str(root), "instance": home.name, **arguments}
    words = [str(root / "supervisor/venv/bin/python"), "-I", "-m", "mooring.host"]
    return words, json.dumps({"call": name, "arguments": asked, "check": False}) + "\n"


def result(output: str) -> dict[str, Any]:
    """Return what a call has answered. OperationError when it was refused, or has not answered."""
    for line in reversed(output.splitlines()):
        try:
            told = json.loads(line)
        except ValueError:
            continue  # what a shell or ssh has written
        if "refused" in told:
            raise OperationError(told["refused"]["message"])
        if "result" in told:
            return dict(told["result"])
    raise OperationError(f"the host has not answered: {output[:400]}")
