"""The report for the terminal: the operations, what the application counted, and the first failures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from mooring import texts
from mooring_load.outcome import FAILURES
from mooring_load.recorder import FAILURES_FILE, TIMELINE
from mooring_load.run import SUMMARY
from mooring_load.usage import UsageError

HEADINGS: Final = (
    "operation", "s", "requests", "failed", "lost", "doubled", "refused",
    "pause ms", "p99 before", "p99 ms", "ratio",
)  # fmt: skip
_FAILURES_SHOWN: Final = 20


def load(folder: Path) -> dict[str, Any]:
    """Read the summary of a run; UsageError if there is none."""
    try:
        summary: dict[str, Any] = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder / SUMMARY} is not there: the run goes on, was killed, or wrote elsewhere"
        ) from None
    return summary


def load_lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """Read a file of JSON lines of a run."""
    with (folder / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def load_timeline(folder: Path) -> list[dict[str, Any]]:
    """Read the timeline of a run."""
    return load_lines(folder, TIMELINE)


def load_failures(folder: Path) -> list[dict[str, Any]]:
    """Read the failures of a run, the first 10,000 of them."""
    return load_lines(folder, FAILURES_FILE)


def rows(summary: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the table: each operation, the failures outside of them all, the whole run."""
    table = [
        _row(operation["name"] + (" (unfinished)" if operation["unfinished"] else ""), operation)
        for operation in summary["operations"]
    ]
    if summary["operations"]:
        outside = summary["failures_outside_operations"]
        figures = {"failed": sum(outside.values()), "refused": outside.get("refused", 0)}
        for key in ("lost", "doubled"):
            figures[key] = summary.get("ledger", {}).get(f"{key}_outside_operations")
        table.append(_row("(outside of operations)", figures))
    return [*table, _row("whole run", summary | summary.get("ledger", {}))]


def text(summary: dict[str, Any], failures: list[dict[str, Any]]) -> str:
    """Return the report for the terminal."""
    table = [HEADINGS, *rows(summary)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    lines.insert(1, "-" * len(lines[0]))
    lines += ["", *remarks(summary)]
    if failures:
        lines += [
            "",
            f"Failures ({len(failures[:_FAILURES_SHOWN])} of {summary['failed']}; all in {FAILURES_FILE}):",
        ]
        lines += [f"  {describe(failure)}" for failure in failures[:_FAILURES_SHOWN]]
    return "\n".join(lines)


def remarks(summary: dict[str, Any]) -> list[str]:
    """Return what else is to be said of a run, a sentence a line."""
    closes = summary["closed_between_responses"]
    connections = ", ".join(f"{count} {name}" for name, count in summary["connections"].items()) or "none"
    said = [
        f"{summary['requests']} requests in {summary['seconds']:.1f} s "
        f"({summary['requests'] / summary['seconds']:.0f}/s), connections opened: {connections}; "
        f"p50 {_figure(summary['p50_ms'])} ms, longest pause {summary['longest_pause_ms']} ms "
        f"at {summary['longest_pause_from']:.1f} s.",
        f"Kept connections ended between responses (no failure): {closes['announced']} announced, "
        f"{closes['eof']} by EOF, {closes['reset']} by a reset. Repeated: {summary['retried']}.",
        f"The generator used {summary['generator_cpu_seconds']:.1f} s of CPU; its own longest lag was "
        f"{summary['generator_longest_lag_ms']} ms (pauses and latencies may be too long by as much).",
    ]
    if summary["not_closed_after_close"]:
        said.append(
            f"{summary['not_closed_after_close']} connections were not closed by the server within 1 s "
            "of `Connection: close`."
        )
    if summary["failures"]:
        classes = (f"{count} {name} ({FAILURES[name]})" for name, count in summary["failures"].items())
        said.append(f"Failed: {', '.join(classes)}.")
    if "local" in summary["failures"]:
        said.append(
            "`local` failures are this machine's: raise its limits or send less; this run proves nothing."
        )
    said.append(_counted(summary.get("ledger")))
    return said


def _counted(ledger: dict[str, Any] | None) -> str:
    if ledger is None:
        return "What the application counted is not known, nor what was lost or doubled (see verify)."
    return (
        f"{ledger['posts']} POSTs, {ledger['counted']} counted: "
        f"{ledger['answered_not_counted']} answered and not counted, "
        f"{ledger['unanswered']} unanswered ({ledger['unanswered_but_counted']} of them counted), "
        f"{ledger['doubled']} counted more than once, "
        f"{ledger['counted_but_never_sent']} counted and never sent."
    )


def describe(failure: dict[str, Any]) -> str:
    """Return one failure as a plain line: when, what, on which connection, whose. A server's own words are in it."""
    held = f", held by {failure['holder']}" if failure["holder"] else ""
    during = f", during {', '.join(failure['operations'])}" if failure["operations"] else ""
    return texts.plain(
        f"{failure['time']:9.3f} s  {failure['failure']} ({failure['phase']}) {failure['request']} "
        f"{failure['id']}, {failure['connection']} connection from port {failure['local_port']} after "
        f"{failure['responses_before']} responses, {failure['seconds'] * 1000:.1f} ms{held}{during}: "
        f"{failure['detail']}"
    )


def _row(name: str, figures: dict[str, Any]) -> tuple[str, ...]:
    before = figures.get("before", {})
    keys = ("seconds", "requests", "failed", "lost", "doubled", "refused", "longest_pause_ms")
    cells = [_figure(figures.get(key)) for key in keys]
    return (
        name,
        *cells,
        _figure(before.get("p99_ms")),
        _figure(figures.get("p99_ms")),
        _figure(figures.get("p99_ratio")),
    )


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.2f}" if value < 10 else f"{value:.1f}"
