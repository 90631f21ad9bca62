"""No request fails because of anything that an operator does: every operation under load, on both frameworks.

The tests are one story, in order, over one deployment and one run of the load; the last one is the verdict over
all of it. Each operation is first shown to have done what it should, then that nobody noticed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.load.generator import to_be_told, wrong
from support.load.operations import OPERATIONS
from support.load.stage import RATE, Stage

LEAST_REQUESTS = 50_000
LEAST_OPERATIONS = 20


@pytest.mark.parametrize(("name", "act"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_no_request_fails_during(stage: Stage, name: str, act: Callable[[Stage], None]) -> None:
    with stage.under_load(name):
        act(stage)


def test_nothing_failed_was_lost_doubled_or_refused(stage: Stage) -> None:
    # The load goes on by the clock; on a quick machine the operations are over before there were enough requests.
    stage.until(lambda: stage.generator.state()["requests"] >= LEAST_REQUESTS, LEAST_REQUESTS / RATE + 60)
    summary = stage.generator.stop()
    to_be_told("operations under load", summary)
    assert not wrong(summary), f"{wrong(summary)}\n{stage.tell()}"
    assert summary["requests"] >= LEAST_REQUESTS
    assert summary["ledger"]["posts"] == summary["ledger"]["counted"] > 0
    assert {operation["name"] for operation in summary["operations"]} == {name for name, _ in OPERATIONS}
    assert len(summary["operations"]) >= LEAST_OPERATIONS
