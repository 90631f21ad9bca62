"""playbooks/prove.yml, as a user runs it on an instance of their own: it proves, it disproves, it refuses."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path

import pytest

from support.load.generator import wrong
from support.load.stage import Stage

DONE = ["rolling restart", "restart of the bootstrap", "refused: missing dependency"]
"""What is done of it here: the operations are those of test_operations.py. A user does them all."""


def test_it_proves_and_leaves_what_was_live(stage: Stage, tmp_path: Path) -> None:
    before, releases = stage.live(), set((stage.home / "releases").iterdir())
    done = stage.run(
        "playbooks/prove.yml",
        prove_only=DONE,
        prove_report=str(tmp_path / "proof"),
        prove_post_path="/count",
        prove_post_answer="%(id)s",
        prove_count_file=str(stage.counted),
        hooks_before=[{"name": "not-for-a-proof", "command": ["touch", str(tmp_path / "hooked")]}],
    )
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "hooked").exists()
    summary = json.loads((tmp_path / "proof/summary.json").read_text())
    assert {operation["name"] for operation in summary["operations"]} == set(DONE)
    assert not wrong(summary)
    assert summary["ledger"]["posts"] == summary["ledger"]["counted"] > 0
    assert "No request failed." in (tmp_path / "proof/report.html").read_text()
    assert "1 of 3, rolling restart: done in" in done.stdout
    after = stage.live()
    assert (after["release"], after["previous"]) == (before["release"], before["previous"])
    assert set((stage.home / "releases").iterdir()) == releases


def test_it_fails_when_a_request_is_answered_wrongly(stage: Stage, tmp_path: Path) -> None:
    out, done = tmp_path / "proof", DONE[0]
    wanted = {"prove_post_path": "/count", "prove_post_answer": "another answer", "prove_only": [done]}
    assert "Requests have failed" in stage.refused("playbooks/prove.yml", prove_report=str(out), **wanted)
    assert json.loads((out / "summary.json").read_text())["failures"].keys() == {"body"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_proof_that_is_ended_ends_its_load_and_takes_back_what_it_has_changed(
    stage: Stage, how: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, releases = stage.live(), set((stage.home / "releases").iterdir())
    with tempfile.TemporaryDirectory(prefix="t-") as folder:  # a short path: a unix socket stands in there
        monkeypatch.setenv("TMPDIR", folder)
        out = tmp_path / "proof"
        only = ["a new release (a changed setting)", "rollback"]
        proof = stage.start("playbooks/prove.yml", prove_only=only, prove_report=str(out))
        with stage.under_load(f"a proof, and {how.name}"):
            # In the middle of its first operation
            stage.until(lambda: stage.live() != before or proof.poll() is not None, 300)
            assert proof.poll() is None, proof.communicate()[0]
            proof.send_signal(how)
            proof.communicate()
            stage.until((out / "summary.json").exists, 60)  # the load has ended
            # The operation under way goes to its end, then what was live is live again.
            stage.until(lambda: not list(Path(folder).glob("mooring-prove-*")), 300)
    assert [each["name"] for each in json.loads((out / "summary.json").read_text())["operations"]] == only[:1]
    after = stage.live()
    assert (after["release"], after["previous"]) == (before["release"], before["previous"])
    assert set((stage.home / "releases").iterdir()) == releases
    stage.deploy()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"prove_rate": 0}, "prove_rate is 0. Write a whole number from 1 to 5000"),
        ({"prove_skip": ["rollbck"]}, "prove_skip has rollbck, which is no operation of this proof"),
        ({"prove_only": ["restrt"]}, "prove_only has restrt, which is no operation of this proof"),
        ({"prove_post_body": "100%"}, 'prove_post_body is "100%". Write %(id)s'),
        ({"prove_url": "http://127.0.0.1:1"}, "there is no answer with status 200"),
    ],
)
def test_what_cannot_be_is_refused_by_name(stage: Stage, wrong: dict[str, object], words: str) -> None:
    assert words in stage.refused("playbooks/prove.yml", **wrong)


def test_a_check_tells_what_would_be_done_and_puts_no_load(stage: Stage, tmp_path: Path) -> None:
    done = stage.run("playbooks/prove.yml", "--check", prove_only=DONE, prove_report=str(tmp_path / "proof"))
    assert done.returncode == 0, done.stdout
    assert "would do 3 operations under load" in done.stdout
    assert not (tmp_path / "proof").exists()


def test_it_refuses_to_prove_what_is_not_live(stage: Stage) -> None:
    before = stage.live()
    assert "is not what is live there" in stage.refused("playbooks/prove.yml", workers=3)
    assert stage.live() == before
