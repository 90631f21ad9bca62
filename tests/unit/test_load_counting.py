"""The load generator's arithmetic: quantiles, operations' shares, what was lost and doubled."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring_load.histogram import Histogram
from mooring_load.ledger import Post, count_ids, read_posts, verify
from mooring_load.operations import MarkError
from mooring_load.outcome import FAILURES, UNANSWERED, Outcome
from mooring_load.recorder import FAILURES_FILE, FAILURES_LISTED, POSTS, TIMELINE, Recorder


@given(
    st.lists(st.floats(min_value=0, max_value=3600), min_size=1, max_size=200),
    st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]),
)
def test_a_quantile_is_at_most_two_percent_above_the_true_one(latencies: list[float], share: float) -> None:
    histogram = Histogram()
    for latency in latencies:
        histogram.add(latency)
    true = sorted(latencies)[max(1, math.ceil(share * len(latencies))) - 1] * 1000
    found = histogram.quantile(share)
    assert found is not None
    assert math.floor(true * 1000) / 1000 <= found + 1e-9
    assert found <= true * (1 + 1 / 64) + 0.001
    assert histogram.figures()["max_ms"] == round(max(latencies) * 1000, 3)


@given(st.lists(st.floats(min_value=0, max_value=10)), st.lists(st.floats(min_value=0, max_value=10)))
def test_merged_histograms_are_one(some: list[float], others: list[float]) -> None:
    first, second, both = Histogram(), Histogram(), Histogram()
    for latency in some:
        first.add(latency)
        both.add(latency)
    for latency in others:
        second.add(latency)
        both.add(latency)
    first.merge(second)
    assert first.count == both.count
    assert first.figures() == both.figures()


def test_an_empty_histogram_has_no_figures() -> None:
    assert Histogram().figures() == {"p50_ms": None, "p99_ms": None, "max_ms": None}


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path, longest_request=30)
    yield recorder
    recorder.close(100)


def outcome(start: float, end: float, failure: str | None = None, **more: Any) -> Outcome:
    made = Outcome(
        f"r-{start}", "POST /count", counted=True, connection="kept", intended=start, started=start
    )
    made.ended, made.failure = end, failure
    for name, value in more.items():
        setattr(made, name, value)
    return made


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_a_request_belongs_to_every_operation_that_it_overlaps(recorder: Recorder) -> None:
    recorder.finish(outcome(0.5, 0.9))
    recorder.start_operation("deploy", 1)
    recorder.start_operation("reload", 1.5)
    recorder.finish(outcome(0.95, 1.6))
    recorder.end_operation("deploy", 2)
    recorder.finish(outcome(1.9, 2.5, "timeout"))
    recorder.finish(outcome(2.1, 2.6))
    recorder.end_operation("reload", 3)
    recorder.finish(outcome(2.9, 12.9, "timeout"))
    recorder.finish(outcome(13, 13.1, "refused"))
    deploy, reload = recorder.operations.all
    assert (deploy.requests, dict(deploy.failures)) == (2, {"timeout": 1})
    assert (reload.requests, dict(reload.failures)) == (4, {"timeout": 2})
    assert (recorder.requests, dict(recorder.failures)) == (6, {"timeout": 2, "refused": 1})
    assert dict(recorder.outside) == {"refused": 1}


def test_a_long_request_is_its_operations_long_after(recorder: Recorder) -> None:
    """Operations are forgotten only when no request can be open any more that overlaps them."""
    recorder.start_operation("restart", 1)
    recorder.end_operation("restart", 2)
    for tick in range(21, 310):
        recorder.finish(outcome(tick / 10, tick / 10 + 0.01))
        recorder.cut(tick / 10)
    recorder.finish(outcome(1.5, 31, "timeout"))
    assert dict(recorder.operations.all[0].failures) == {"timeout": 1}


def test_failures_do_not_make_latencies_better(recorder: Recorder) -> None:
    recorder.finish(outcome(0, 1))
    for number in range(99):
        recorder.finish(outcome(1 + number / 1000, 1.0001 + number / 1000, "refused"))
    figures = recorder.figures()
    assert (figures["requests"], figures["failed"], figures["p50_ms"]) == (100, 99, 1000)


def test_before_is_the_quiet_time_before_an_operation(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 30)
    for number in range(50):  # the first operation's own bad time is not what the second one is compared with
        recorder.finish(outcome(number / 10, number / 10 + 0.001))
        recorder.cut(number / 10)
    recorder.start_operation("first", 5)
    recorder.finish(outcome(5, 8))
    recorder.end_operation("first", 8)
    for number in range(81, 90):
        recorder.finish(outcome(number / 10, number / 10 + 0.002))
        recorder.cut(number / 10)
    recorder.start_operation("second", 9)
    recorder.finish(outcome(9, 9.006))
    recorder.end_operation("second", 9.1)
    recorder.close(9.1)
    operations: Any = recorder.figures()["operations"]
    first, second = operations
    assert (first["before"]["requests"], first["before"]["p99_ms"]) == (50, 1)
    assert second["before"]["p99_ms"] == pytest.approx(2, rel=0.02)
    assert second["before"]["seconds"] == pytest.approx(6)
    assert second["p99_ratio"] == pytest.approx(3, rel=0.02)


def test_the_longest_pause_belongs_to_the_operations_in_it(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 30)
    recorder.finish(outcome(0.9, 1))
    recorder.start_operation("stop", 1.5)
    recorder.finish(outcome(1.5, 1.6, "refused"))  # an error is no answer
    recorder.end_operation("stop", 2)
    recorder.finish(outcome(3.9, 4))
    recorder.start_operation("later", 4.5)
    recorder.close(5)
    figures = recorder.figures()
    operations: Any = figures["operations"]
    assert (figures["longest_pause_ms"], figures["longest_pause_from"]) == (3000, 1)
    assert [operation["longest_pause_ms"] for operation in operations] == [3000, 1000]
    assert [operation["unfinished"] for operation in operations] == [False, True]


def test_a_pause_lies_between_two_answers_unless_there_never_was_one(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 30)
    recorder.finish(outcome(0, 3))  # the first answer ends no pause
    recorder.finish(outcome(3, 3.5))
    recorder.close(4)
    assert recorder.longest_pause == (0.5, 3)
    silent = Recorder(tmp_path, 30)
    silent.finish(outcome(0, 3, "timeout"))
    silent.close(4)
    assert silent.longest_pause == (4, 0)


def test_rows_end_at_marks_and_add_up(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 30)
    recorder.finish(outcome(0, 0.04))
    recorder.start_operation("deploy", 0.05)
    recorder.finish(outcome(0.06, 0.07, "reset"))
    recorder.cut(0.1)
    recorder.end_operation("deploy", 0.13)
    recorder.close(0.2)
    rows = lines(tmp_path, TIMELINE)
    assert [(row["t"], row["span"], row["operations"]) for row in rows] == [
        (0, 0.05, []),
        (0.05, 0.05, ["deploy"]),
        (0.1, 0.03, ["deploy"]),
        (0.13, 0.07, []),
    ]
    assert [row["requests"] for row in rows] == [1, 1, 0, 0]
    assert rows[1]["failures"] == {"reset": 1}
    assert rows[2]["p99_ms"] is None


def test_only_so_many_failures_are_listed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 30)
    for number in range(FAILURES_LISTED + 5):
        recorder.finish(outcome(number, number + 0.1, "refused"))
    recorder.close(FAILURES_LISTED + 6)
    assert len(lines(tmp_path, FAILURES_FILE)) == FAILURES_LISTED
    assert recorder.figures()["failures_not_listed"] == 5


def test_a_class_that_does_not_exist_is_a_bug(recorder: Recorder) -> None:
    with pytest.raises(AssertionError, match="no such class"):
        recorder.fail(outcome(0, 1, "weather"))
    assert set(FAILURES) >= UNANSWERED


def test_contradicting_marks(recorder: Recorder) -> None:
    recorder.start_operation("deploy", 1)
    with pytest.raises(MarkError, match="'deploy' was started and not ended"):
        recorder.start_operation("deploy", 2)
    with pytest.raises(MarkError, match=r"'reload' is not going on \(going on: deploy\)"):
        recorder.end_operation("reload", 2)
    recorder.end_operation("deploy", 3)
    recorder.start_operation("deploy", 4)
    recorder.end_operation("deploy", 5)
    assert [(operation.start, operation.end) for operation in recorder.operations.all] == [(1, 3), (4, 5)]


def test_the_ledger(tmp_path: Path) -> None:
    posts = [
        Post("r-1", 0, 1, "ok", sent=True),
        Post("r-2", 1, 2, "ok", sent=True),  # answered, not counted
        Post("r-3", 2, 3, "ok", sent=True),  # counted twice
        Post("r-4", 3, 4, "closed_idle", sent=True),  # unanswered, counted
        Post("r-5", 4, 5, "reset", sent=True),  # unanswered, not counted
        Post("r-6", 5, 6, "refused", sent=False),
        Post("r-7", 6, 7, "timeout", sent=False),  # of connecting
        Post("r-8", 7, 8, "status", sent=True),  # answered: no
    ]
    operations: list[dict[str, Any]] = [{"start": 1.5, "end": 2.5}, {"start": 2.8, "end": 3.5}]
    counts = Counter({"r-1": 1, "r-3": 2, "r-4": 1, "r-99": 1})
    found = verify(posts, counts, foreign=4, operations=operations)
    assert found.pop("examples") == {
        "answered_not_counted": ["r-2"],
        "unanswered": ["r-4", "r-5"],
        "doubled": ["r-3"],
    }
    assert found == {
        "posts": 8,
        "counted": 3,
        "lost": 3,
        "doubled": 1,
        "answered_not_counted": 1,
        "unanswered": 2,
        "unanswered_but_counted": 1,
        "lost_outside_operations": 1,
        "doubled_outside_operations": 0,
        "counted_but_never_sent": 1,
        "lines_of_other_runs": 4,
    }
    assert [(operation["lost"], operation["doubled"]) for operation in operations] == [(1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("end", "lost"),
    [(2.0, [1, 0, 0]), (2.6, [1, 0, 0]), (3.5, [0, 1, 0]), (4.5, [1, 1, 0]), (6.5, [0, 0, 1])],
)
def test_an_unanswered_request_is_lost_where_it_ended(end: float, lost: list[int]) -> None:
    """It may have waited through the operations before; one that ended between two is lost in all before."""
    operations: list[dict[str, Any]] = [{"start": at, "end": at + 1} for at in (1.5, 3, 6)]
    verify([Post("r-1", 1, end, "reset", sent=True)], Counter(), foreign=0, operations=operations)
    assert [operation["lost"] for operation in operations] == lost


def test_the_ledgers_files(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 30)
    recorder.finish(outcome(0.5, 1.25, sent=True))
    recorder.finish(outcome(2, 3, "refused"))
    recorder.close(4)
    assert list(read_posts(tmp_path / POSTS)) == [
        Post("r-0.5", 0.5, 1.25, "ok", sent=True),
        Post("r-2", 2, 3, "refused", sent=False),
    ]
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("r-1\nr-2\nother-1\n\n")
    second.write_text("r-2\nr-10\n")
    assert count_ids([first, second], "r") == (Counter({"r-1": 1, "r-2": 2, "r-10": 1}), 1)
