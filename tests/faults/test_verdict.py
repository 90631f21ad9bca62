"""The verdict over all faults, by what the application has counted; it is run last and ends the load."""

from __future__ import annotations

from typing import Any

from support.faults import MAY_LOSE, REPLACED
from support.load.generator import to_be_told
from support.load.stage import Stage


def test_nothing_was_doubled_and_nothing_else_was_lost(stage: Stage) -> None:
    summary = stage.generator.stop()
    again = [f"{fault}: ready again after {seconds:.2f} s" for fault, seconds in REPLACED.items()]
    to_be_told("faults under load", summary, *again)
    counted = summary["ledger"]
    wrong: dict[str, Any] = {
        name: counted[name]
        for name in ("doubled", "counted_but_never_sent", "answered_not_counted", "lost_outside_operations")
        if counted[name]
    }
    wrong |= {
        each["name"]: each["lost"]
        for each in summary["operations"]
        if each["lost"] and each["name"] not in MAY_LOSE
    }
    assert not wrong, f"{wrong}\n{stage.tell()}"
