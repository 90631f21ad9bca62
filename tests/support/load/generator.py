"""The load generator beside a test: started, marked, asked, stopped; and what a failure has to tell."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mooring_load import control, report
from support.load.witnesses import Life, between, lives
from support.places import REPOSITORY, SOURCES

ANSWER_WITHIN = 60.0
"""Seconds that the generator has to answer, and to end its run."""
AROUND = 2.0
"""Seconds before and after failures of which the logs are quoted."""
MOST_TOLD = 20

_TOLD: list[tuple[str, str]] = []
"""Runs that are over: title and text."""


class Generator:
    """One run of `mooring_load`, until it is stopped."""

    def __init__(self, out: Path, url: str, *options: str) -> None:
        self.out = out
        self._control = out / "control.sock"
        command = [sys.executable, "-m", "mooring_load", "run", "--url", url, "--until-stopped"]
        command += ["--out", str(out), "--end-with", str(os.getpid()), "--quiet", *options]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}/tools:{SOURCES}"},
            start_new_session=True,
        )
        self.holders: dict[str, str] = {}
        state = control.ask(self._control, "status", ANSWER_WITHIN, ANSWER_WITHIN)
        self._began = time.time() - state["seconds"]

    def state(self) -> dict[str, Any]:
        """Ask how many requests there were, and how many failed."""
        return control.ask(self._control, "status", 0, ANSWER_WITHIN)

    @contextmanager
    def marked(self, name: str) -> Iterator[None]:
        """Mark an operation, its end in any case."""
        control.ask(self._control, f"mark {name} start", 0, ANSWER_WITHIN)
        try:
            yield
        finally:
            control.ask(self._control, f"mark {name} end", 0, ANSWER_WITHIN)

    def know(self, pids: dict[str, int], when: str) -> None:
        """Remember which process has which pid, for the report of a failure."""
        for name, pid in pids.items():
            self.holders[str(pid)] = f"{name} ({when})"

    def stop(self) -> dict[str, Any]:
        """End the run; its summary, with what the application counted."""
        summary = control.ask(self._control, "stop", 0, ANSWER_WITHIN)
        self._process.wait(timeout=ANSWER_WITHIN)
        return summary

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

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
                said = between(log, self._began + first, self._began + last)
                if said:
                    lines += [
                        f"{log.name} from {first:.1f} s to {last:.1f} s:",
                        *(f"    {line}" for line in said),
                    ]
        return "\n".join(lines)

    def _holder(self, failure: dict[str, Any], everyone: list[Life]) -> str:
        start, end = self._began + failure["started"], self._began + failure["time"]
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
