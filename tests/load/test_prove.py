"""playbooks/prove.yml, as a user runs it on an instance of their own: it proves, it disproves, it refuses."""

from __future__ import annotations

import json
from pathlib import Path

from tests.load.generator import wrong
from tests.load.stage import Stage

DONE = {"rolling restart", "restart of the bootstrap", "refused: missing dependency"}
# The others are what test_operations.py does; a user does them all.
SKIPPED = [
    "a new release (a changed setting)",
    "rollback",
    "scale to 4",
    "scale to 1",
    "scale to 2",
    "switch to pecan",
    "switch to django",
    "supervisorctl restart of all workers",
    "supervisorctl reload",
    "refused: import error",
    "refused: hangs at start",
    "refused: ends at start",
    "refused: wrong smoke answer",
]


def test_it_proves_and_leaves_what_was_live(stage: Stage, tmp_path: Path) -> None:
    before = stage.live()
    done = stage.run(
        "playbooks/prove.yml",
        prove_skip=SKIPPED,
        prove_report=str(tmp_path / "proof"),
        prove_post_path="/count",
        prove_post_answer="%(id)s",
        prove_count_file=str(stage.root.parent / "counted"),
    )
    assert done.returncode == 0, done.stdout
    summary = json.loads((tmp_path / "proof/summary.json").read_text())
    assert {operation["name"] for operation in summary["operations"]} == DONE
    assert not wrong(summary)
    assert summary["ledger"]["posts"] == summary["ledger"]["counted"] > 0
    assert "No request failed." in (tmp_path / "proof/report.html").read_text()
    assert "rolling restart" in done.stdout
    assert stage.live()["release"] == before["release"]


def test_it_fails_when_a_request_is_answered_wrongly(stage: Stage, tmp_path: Path) -> None:
    out = tmp_path / "proof"
    skipped = [*SKIPPED, *DONE]
    wanted = {"prove_post_path": "/count", "prove_post_answer": "another answer", "prove_skip": skipped}
    assert "Requests have failed" in stage.refused("playbooks/prove.yml", prove_report=str(out), **wanted)
    assert json.loads((out / "summary.json").read_text())["failures"].keys() == {"body"}


def test_it_refuses_to_prove_what_is_not_live(stage: Stage) -> None:
    before = stage.live()
    assert "is not what is live there" in stage.refused("playbooks/prove.yml", workers=3)
    assert stage.live() == before
