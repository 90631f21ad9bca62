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

from mooring_load import control, report
from tests.deploy.conftest import REPOSITORY

ANSWER_WITHIN = 60.0
"""Seconds that the generator has to answer, and to end its run."""


class Generator:
    """One run of `mooring_load` against the counting site, until it is stopped."""

    def __init__(self, out: Path, url: str, count_file: Path, *options: str) -> None:
        self.out = out
        self._control = out / "control.sock"
        command = [sys.executable, "-m", "mooring_load", "run", "--url", url, "--counting", "--until-stopped"]
        command += ["--count-file", str(count_file), "--out", str(out), "--quiet", *options]
        self._process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tools")}, start_new_session=True
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

    def tell(self, server_log: Path, skip: int = 0) -> str:
        """Tell of each failure what it was, when, and who held it; and what supervisord did around that time.

        `skip`: failures told before.
        """
        failures = self.failures()[skip : skip + 20]
        lines = [f"{report.describe(failure)}\n    {self._holder(failure)}" for failure in failures]
        if failures:
            first, last = failures[0]["started"] - 2, failures[-1]["time"] + 2
            said = _log_between(server_log, self._began + first, self._began + last)
            lines += [f"supervisord's log from {first:.1f} s to {last:.1f} s:", *said]
        return "\n".join(lines)

    def _holder(self, failure: dict[str, Any]) -> str:
        if not failure["holder"]:
            return "held by: nobody is known, the connection had never carried an answer"
        pid = failure["holder"].split("/")[0]
        return f"held by: pid {pid}, {self.holders.get(pid, 'a process that came and went in an operation')}"


def _log_between(path: Path, start: float, end: float) -> list[str]:
    """Return the lines of supervisord's log between two times (of the wall clock, seconds)."""
    found = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            when = time.mktime(time.strptime(line[:19], "%Y-%m-%d %H:%M:%S"))
        except ValueError:
            continue  # the continuation of a line of several
        if start - 1 <= when <= end + 1:
            found.append(f"    {line}")
    return found[-60:]


def wrong(summary: dict[str, Any]) -> dict[str, int]:
    """Return what is not as it should be in a run in which nothing may fail: name and count."""
    counted = summary["ledger"]
    numbers = {"failed": summary["failed"], "refused": summary["refused"]}
    numbers |= {name: counted[name] for name in ("lost", "doubled", "counted_but_never_sent")}
    return {name: number for name, number in numbers.items() if number}


def table(summary: dict[str, Any]) -> str:
    """Return the report's table, for the test's output."""
    return report.text(summary, [])
