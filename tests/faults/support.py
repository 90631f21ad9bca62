"""What the fault tests share: who failed during a fault, and the state that a deployment must be in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.load.stage import NAME, Stage

REQUESTS_AFTER = 200
"""Requests that must have come to their end after a fault before it is judged: late failures are the fault's."""


@contextmanager
def failing(stage: Stage, name: str) -> Iterator[list[dict[str, Any]]]:
    """Mark a fault; the list that it yields has each failed request, once the block is over."""
    found: list[dict[str, Any]] = []
    stage.generator.know(stage.pids(), f"before {name}")
    before = stage.generator.state()["failed"]
    with stage.generator.marked(name):
        yield found
        settled(stage)
    state = stage.generator.state()
    stage.until(lambda: len(stage.generator.failures()) >= state["failed"])
    found += stage.generator.failures()[before : state["failed"]]


def settled(stage: Stage) -> None:
    """Wait until all workers are ready, and some requests more have been answered."""
    stage.gate()
    done = stage.generator.state()["requests"]
    stage.until(lambda: stage.generator.state()["requests"] >= done + REQUESTS_AFTER)


def told(stage: Stage, found: list[dict[str, Any]]) -> str:
    """Tell of failures, for an assertion's message."""
    return f"{len(found)} requests have failed:\n{stage.tell()}"


def holder(failure: dict[str, Any]) -> int | None:
    """Return the pid that held a failed request, if it is known."""
    return int(failure["holder"].split("/")[0]) if failure["holder"] else None


def assert_not_mixed(stage: Stage) -> None:
    """What runs is what live.json names, of one release; nothing of the other colour; nobody holds the lock."""
    live, manifest = stage.live(), stage.manifest()
    wanted = {f"{NAME}-bootstrap"} | {f"{NAME}-{live['colour']}:{n}" for n in range(manifest["workers"])}
    assert set(stage.pids()) == wanted
    stage.gate()  # every worker says itself which release it is
    for name in ("bootstrap", live["colour"]):
        installed = (stage.root / f"supervisor/conf.d/{NAME}-{name}.conf").read_text()
        assert installed == (stage.home / "releases" / live["release"] / f"{name}.conf").read_text()
    assert not (stage.home / "lock").is_symlink()
