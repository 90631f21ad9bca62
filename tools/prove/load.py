"""The load generator beside operations: started, marked, asked, stopped; it ends with the process that has started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mooring_load import control

ANSWER_WITHIN = 60.0
"""Seconds that the generator has to come up, to answer, and to end its run."""
_POLL = 0.05
SOURCES = Path(__file__).parents[2]
PYTHONPATH = os.pathsep.join(
    str(SOURCES / each) for each in ("tools", "app/mooring/src", "app/multicloud/src")
)
"""Where the tools and the packages are, for a Python that is started."""


class Load:
    """One run of `mooring_load`, until it is stopped.

    `out`: the folder of its report. `listens`: where it is asked, a unix socket; below `out` if it is not said.
    ControlError when it does not come up, or does not answer.
    """

    def __init__(
        self,
        out: Path,
        url: str,
        options: Sequence[str],
        *,
        listens: Path | None = None,
        log: IO[str] | None = None,
    ) -> None:
        self.out = out
        self._control = listens or out / "control.sock"
        command = [sys.executable, "-m", "mooring_load", "run", "--url", url, "--until-stopped", "--quiet"]
        command += [
            "--out",
            str(out),
            "--control",
            str(self._control),
            "--end-with",
            str(os.getpid()),
            *options,
        ]
        self._process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": PYTHONPATH}, stderr=log, start_new_session=True
        )
        try:
            state = self._first_state()
        except BaseException:
            self.end()
            raise
        self.began = time.time() - state["seconds"]

    def _first_state(self) -> dict[str, Any]:
        """Wait until it answers; ControlError as soon as it has ended instead, or after `ANSWER_WITHIN`."""
        deadline = time.monotonic() + ANSWER_WITHIN
        while not self._control.exists() and self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL)
        return control.ask(self._control, "status", 1, ANSWER_WITHIN)

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

    def stop(self) -> dict[str, Any]:
        """End the run; its summary, with what the application counted."""
        summary = control.ask(self._control, "stop", 0, ANSWER_WITHIN)
        self._process.wait(timeout=ANSWER_WITHIN)
        return summary

    def interrupt(self) -> None:
        """Have it end by itself, soon: it writes its summary. For a signal handler."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)

    def wait(self) -> None:
        """Wait for the end of an interrupted run."""
        self._process.wait(timeout=ANSWER_WITHIN)

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
