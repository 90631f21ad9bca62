"""The load generator beside a test: started, marked, asked, stopped; and what a failure has to tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mooring_load import report
from prove.load import Load
from support.load.witnesses import Life, between, lives

AROUND = 2.0
"""Seconds before and after failures of which the logs are quoted."""
MOST_TOLD = 20

_TOLD: list[tuple[str, str]] = []
"""Runs that are over: title and text."""


class Generator(Load):
    """One run of `mooring_load`, until it is stopped."""

    def __init__(self, out: Path, url: str, *options: str) -> None:
        self.holders: dict[str, str] = {}
        super().__init__(out, url, options)

    def know(self, pids: dict[str, int], when: str) -> None:
        """Remember which process has which pid, for the report of a failure."""
        for name, pid in pids.items():
            self.holders[str(pid)] = f"{name} ({when})"

    def failures(self) -> list[dict[str, Any]]:
        """Return what has failed so far (it is written down every 100 ms)."""
        return report.load_failures(self.out)

    def tell(self, server_log: Path, worker_logs: Path, skip: int = 0) -> str:
        """Tell of each failure what it was, when, and who held it; and what the logs say of that time.

        `worker_logs`: their folder. `skip`: failures told before.
        """
        failures = self.failures()[skip : skip + MOST_TOLD]
        everyone = lives(server_log)
        lines = [f"{report.describe(failure)}\n    {self._holder(failure, everyone)}" for failure in failures]
        if failures:
            first, last = failures[0]["started"] - AROUND, failures[-1]["time"] + AROUND
            for log in (server_log, *sorted(worker_logs.glob("*.err.log"))):
                said = between(log, self.began + first, self.began + last)
                if said:
                    lines += [
                        f"{log.name} from {first:.1f} s to {last:.1f} s:",
                        *(f"    {line}" for line in said),
                    ]
        return "\n".join(lines)

    def _holder(self, failure: dict[str, Any], everyone: list[Life]) -> str:
        start, end = self.began + failure["started"], self.began + failure["time"]
        there = [life for life in everyone if life.start <= end and (life.end is None or life.end >= start)]
        if failure["holder"]:
            return f"held by: {self._named(int(failure['holder'].split('/')[0]))}"
        if failure["phase"] == "connect":
            return "held by: nobody, it was not connected"
        could = [self._named(life.pid) for life in there if not life.name.endswith("-bootstrap")]
        return f"held by: one of these, as the connection had never carried an answer: {'; '.join(could)}"

    def _named(self, pid: int) -> str:
        return f"pid {pid}, {self.holders.get(str(pid), 'a process that came and went in an operation')}"


def wrong(summary: dict[str, Any]) -> dict[str, int]:
    """Return what is not as it should be in a run in which nothing may fail: name and count."""
    numbers = {"failed": summary["failed"], "refused": summary["refused"]}
    if counted := summary.get("ledger"):
        numbers |= {name: counted[name] for name in ("lost", "doubled", "counted_but_never_sent")}
    return {name: number for name, number in numbers.items() if number}


def to_be_told(title: str, summary: dict[str, Any], *further: str) -> None:
    """Keep a run's table, and further lines, for the end of the tests' output."""
    _TOLD.append((title, "\n".join((report.text(summary, []), *further))))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell of the runs, of those too in which nothing failed."""
    for title, text in _TOLD:
        terminalreporter.section(title)
        terminalreporter.write_line(text)
