"""The load generator's reports: the table, and a page that needs nothing else."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from mooring_load.page import html
from mooring_load.plot import columns, svg
from mooring_load.report import remarks, rows, text
from mooring_load.run import spotless


def row(start: float, requests: int = 10, failed: int = 0, p99: float | None = 2.0) -> dict[str, Any]:
    return {
        "t": start, "span": 0.1, "requests": requests, "failed": failed, "operations": [],
        "p50_ms": None if p99 is None else p99 / 2, "p99_ms": p99, "max_ms": None if p99 is None else p99 * 2,
    }  # fmt: skip


def operation(name: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "start": start, "end": end, "seconds": end - start, "unfinished": False, "requests": 1000,
        "failed": 0, "refused": 0, "failures": {}, "longest_pause_ms": 12.5, "p50_ms": 1.0, "p99_ms": 9.0,
        "max_ms": 20.0, "before": {"requests": 900, "seconds": 10.0, "p50_ms": 1.0, "p99_ms": 3.0, "max_ms": 4.0},
        "p99_ratio": 3.0,
    } | more  # fmt: skip


def summary(*operations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "run": "r", "started_at": "2026-01-01T00:00:00+00:00", "seconds": 20.0, "generator_cpu_seconds": 4.0,
        "machine": "here", "command": ["--url", "<x>"], "requests": 5000, "failed": 0, "refused": 0, "failures": {},
        "failures_outside_operations": {}, "failures_not_listed": 0, "retried": 0, "longest_pause_ms": 12.5,
        "longest_pause_from": 3.0, "p50_ms": 1.0, "p99_ms": 4.0, "max_ms": 20.0, "by_request": {},
        "connections": {"kept": 8, "new": 500}, "closed_between_responses": {"announced": 1, "eof": 2, "reset": 0},
        "not_closed_after_close": 0, "answered_by": {}, "generator_longest_lag_ms": 1.5,
        "operations": list(operations),
    } | more  # fmt: skip


FAILURE = {
    "time": 5.25, "failure": "reset", "phase": "response", "detail": "ECONNRESET: <gone>", "request": "POST /count",
    "id": "r-77", "connection": "kept", "local_port": 40000, "responses_before": 12, "sent": True, "retried": False,
    "holder": "4711/r1", "started": 5.2, "seconds": 0.05, "operations": ["restart"],
}  # fmt: skip


def test_the_table() -> None:
    broken = operation("restart", 5, 6, failed=1, lost=1, doubled=0, failures={"reset": 1}, unfinished=True)
    ledger = {
        "posts": 2500, "counted": 2499, "lost": 1, "doubled": 0, "answered_not_counted": 0, "unanswered": 1,
        "unanswered_but_counted": 0, "counted_but_never_sent": 0, "lost_outside_operations": 2,
        "doubled_outside_operations": 0,
    }  # fmt: skip
    report = summary(operation("deploy", 1, 3), broken, failed=1, failures={"reset": 1}, ledger=ledger)
    table = rows(report)
    assert [line[0] for line in table] == [
        "deploy",
        "restart (unfinished)",
        "(outside of operations)",
        "whole run",
    ]
    assert table[0][1:] == ("2", "1000", "0", "-", "-", "0", "12.5", "3.00", "9.00", "3.00")
    assert table[1][3:7] == ("1", "1", "0", "0")
    assert table[2][3:7] == ("0", "2", "0", "0")
    shown = text(report, [FAILURE])
    assert (
        "5.250 s  reset (response) POST /count r-77, kept connection from port 40000 after 12 responses"
        in shown
    )
    assert "held by 4711/r1, during restart: ECONNRESET" in shown
    assert "2500 POSTs, 2499 counted: 0 answered and not counted, 1 unanswered" in shown


def test_what_the_verdict_is() -> None:
    clean = {"lost": 0, "doubled": 0, "counted_but_never_sent": 0}
    assert spotless(summary())
    assert spotless(summary(ledger=clean))
    assert not spotless(summary(failed=1))
    for key in clean:
        assert not spotless(summary(ledger=clean | {key: 1}))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"failures": {"local": 3}}, "this run proves nothing"),
        ({"not_closed_after_close": 2}, "2 connections were not closed by the server"),
        ({}, "What the application counted is not known"),
    ],
)
def test_remarks(more: dict[str, Any], said: str) -> None:
    assert said in " ".join(remarks(summary(**more)))


def test_the_plot_is_well_formed_and_keeps_the_worst() -> None:
    timeline = [row(number / 10, requests=100) for number in range(3000)]
    timeline[1234] = row(123.4, requests=5, failed=7, p99=500.0)
    timeline[2000] = row(200, requests=0, p99=None)
    points = columns(timeline)
    assert len(points) <= 700
    assert sum(point.failed for point in points) == 7
    assert max(point.p99 for point in points if point.p99 is not None) == 500.0
    root = ElementTree.fromstring(svg(timeline, [operation("a <b> & c", 100, 130)]))  # noqa: S314 - of our own making
    bars = [part for part in root.iter("rect") if part.get("class") == "failed"]
    assert len(bars) == 1
    assert "7 failed" in "".join(bars[0].itertext())
    bands = [part for part in root.iter("rect") if part.get("class") == "band"]
    assert "a <b> & c" in "".join(bands[0].itertext())


@pytest.mark.parametrize(
    "timeline", [[], [row(0)], [row(0, requests=0, p99=None)], [row(0, p99=0.01), row(0.1)]]
)
def test_a_plot_of_little(timeline: list[dict[str, Any]]) -> None:
    ElementTree.fromstring(svg(timeline, []))  # noqa: S314 - of our own making


def test_short_rows_at_marks_are_no_points_of_their_own() -> None:
    timeline = [row(0), row(0.1) | {"span": 0.03}, row(0.13, requests=0) | {"span": 0.07}, row(0.2)]
    assert [round(point.rate) for point in columns(timeline)] == [100, 100, 100]


def test_a_line_is_broken_where_nothing_was_answered() -> None:
    timeline = [row(0), row(0.1), row(0.2, p99=None), row(0.3), row(0.4)]
    root = ElementTree.fromstring(svg(timeline, []))  # noqa: S314 - of our own making
    (line,) = [part for part in root.iter("path") if part.get("class") == "line p99"]
    assert (line.get("d") or "").count("M") == 2


def test_the_page_escapes_what_it_shows_and_fetches_nothing() -> None:
    page = html(summary(operation("<script>", 1, 3), failed=1), [row(0)], [FAILURE])
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "ECONNRESET: &lt;gone&gt;" in page
    assert "--url &lt;x&gt;" in page
    for word in ("http:", "https:", "src=", "url(", "@import"):
        assert word not in page
    assert "No request failed." in html(summary(), [row(0)], [])
