"""The proof: what is checked before, the operations under load, what is taken back, and the verdict.

The order, and what an end in the middle leaves:

1. Nothing begins unless the settings can be, the instance is reached, and what a deploy would deploy is what is live.
2. The operations, each marked in the load's report. The first that does not do what it must do is the last.
3. Whatever has happened, the release that was live is live again, what the proof has built is removed, and rollback leads
   where it has led. Then the report is written.

SIGINT, SIGTERM, SIGHUP, and the end of the process that it is to end with: the load ends at once, the operation under way goes
to its end, and 3. follows. A second signal leaves at once; so does SIGKILL. Then the load ends as well, the operation goes to
its end on its own, and the next deploy puts right what is live.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

from mooring_load import control, page, report
from mooring_load.parent import ended
from mooring_load.run import spotless
from mooring_load.usage import UsageError
from prove import operations, reach
from prove.deployment import Deployment
from prove.errors import DISPROVED, DONE, INTERRUPTED, OperationError, RefusalError
from prove.load import PYTHONPATH, Load
from prove.operations import Operation
from prove.settings import Settings, chosen
from prove.state import State

Progress = Callable[[str], None]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Verdict:
    """How a proof has ended: the exit status, why it is not 0, the report for people, the summary for programs."""

    status: int
    message: str = ""
    report: str = ""
    summary: dict[str, Any] = field(default_factory=dict)


def every_operation(settings: Settings) -> list[Operation]:
    """List the operations of such a site, before any is left out."""
    return operations.of_a_site(
        workers=settings.workers,
        framework=settings.framework,
        wsgi_apps=settings.wsgi_apps,
        environment=settings.environment,
        hang=settings.hang,
    )


class Proof:
    """One proof of one host. `ends_with`: the process whose end is as good as a signal, for one that runs it for somebody."""

    def __init__(self, settings: Settings, progress: Progress, ends_with: int | None = None) -> None:
        every = every_operation(settings)
        names = chosen(settings, [each.name for each in every])
        self.operations = [each for each in every if each.name in names]
        self._settings = settings
        self._progress = progress
        self._ends_with = ends_with
        self._interrupted = threading.Event()
        self._load: Load | None = None

    def check(self) -> None:
        """Check all that must hold before it begins, and change nothing. RefusalError; OperationError."""
        with _private_folder() as folder:
            self._begin(Deployment(self._settings, folder))

    def run(self) -> Verdict:
        """Do it. RefusalError when it cannot begin; KeyboardInterrupt after a second signal."""
        with self._heeding(), _private_folder() as folder:
            deployment = Deployment(self._settings, folder)
            before = self._begin(deployment)
            if self._interrupted.is_set():
                raise RefusalError("interrupted before it has begun: nothing was changed")
            out = Path(self._settings.report)
            out.mkdir(mode=0o755, parents=True, exist_ok=True)
            problems = self._prove(deployment, before, out, folder)
        return self._verdict(out, problems)

    # --- its parts ---------------------------------------------------------------------------------------------

    def _begin(self, deployment: Deployment) -> State:
        reach.check(self._settings)
        try:
            before = deployment.look()
        except OperationError as error:
            raise RefusalError(f"The host does not tell what is live: {error}") from error
        if not before.release:
            raise RefusalError(
                f"Nothing is live in {self._settings.home}. Deploy first: ansible-playbook deploy.yml"
            )
        if differs := deployment.differs():
            raise RefusalError(
                f"What this inventory would deploy to {self._settings.hostname} is not what is live there, and a proof must not"
                f" deploy it by the way. Deploy first, with the same -e as here: ansible-playbook deploy.yml\n{differs}"
            )
        return before

    def _prove(self, deployment: Deployment, before: State, out: Path, folder: Path) -> list[str]:
        """Put the load on it, do the operations, take back; what went wrong but for requests."""
        problems = []
        load = self._start_load(out, folder)
        self._load = load
        try:
            if self._interrupted.is_set():
                load.interrupt()
            self._progress(
                f"{self._settings.rate} requests/s go to {self._settings.url} while {len(self.operations)} operations are done;"
                " each takes up to a minute."
            )
            try:
                self._operate(deployment, load)
            except (OperationError, control.ControlError) as error:
                problems.append(str(error))
            problems += _take_back(deployment, before)
            if self._interrupted.is_set():
                load.wait()
            else:
                load.stop()
        except control.ControlError as error:
            problems.append(str(error))
        finally:
            load.end()
        return problems

    def _start_load(self, out: Path, folder: Path) -> Load:
        with (folder / "load.log").open("w+", encoding="utf-8") as log:
            try:
                return Load(
                    out,
                    self._settings.url,
                    load_options(self._settings),
                    listens=folder / "control.sock",
                    log=log,
                )
            except control.ControlError as error:
                log.seek(0)
                raise RefusalError(f"The load does not run: {log.read().strip() or error}") from error

    def _operate(self, deployment: Deployment, load: Load) -> None:
        """Do the operations up to an interruption. OperationError; ControlError when the load has ended by itself."""
        for number, operation in enumerate(self.operations, 1):
            if self._interrupted.is_set():
                return
            try:
                done = self._operated(operation, deployment, load)
            except control.ControlError:
                if self._interrupted.is_set():
                    return  # the load has ended, as it must
                raise
            self._progress(f"{number} of {len(self.operations)}, {operation.name}: {done}")

    @staticmethod
    def _operated(operation: Operation, deployment: Deployment, load: Load) -> str:
        then = load.state()
        try:
            with load.marked(operation.name):
                operation.act(deployment)
        except OperationError as error:
            raise OperationError(f"{operation.name}: {error}") from error
        now = load.state()
        return (
            f"done in {now['seconds'] - then['seconds']:.1f} s, {now['requests'] - then['requests']} requests,"
            f" {now['failed'] - then['failed']} failed"
        )

    def _verdict(self, out: Path, problems: list[str]) -> Verdict:
        try:
            summary = report.load(out)
        except UsageError as error:
            return Verdict(OperationError.status, "\n".join([*problems, str(error)]))
        failures = report.load_failures(out)
        written = out / "report.html"
        written.write_text(page.html(summary, report.load_timeline(out), failures), encoding="utf-8")
        text = f"{report.text(summary, failures)}\nAs a page: {written}\nAs JSON: {out}/summary.json"
        status = DONE
        if not spotless(summary):
            status = DISPROVED
            problems = [
                *problems,
                f"Requests have failed, or were lost or doubled: see {written}, and each in {out}/failures.jsonl",
            ]
        elif self._interrupted.is_set():
            status = INTERRUPTED
            problems = problems or ["The proof was interrupted; what it had changed is taken back."]
        elif problems:
            status = OperationError.status
        return Verdict(status, "\n".join(problems), text, summary)

    # --- its end in the middle -----------------------------------------------------------------------------------

    @contextmanager
    def _heeding(self) -> Iterator[None]:
        """Heed signals, and the end of the process that this one is to end with."""
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        if self._ends_with is not None:
            threading.Thread(target=self._watch, args=(self._ends_with,), daemon=True).start()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._interrupted.is_set():
            raise KeyboardInterrupt
        self._interrupt()
        self._progress(
            f"{signal.Signals(number).name}: the load ends. The operation under way goes to its end, then what the proof has"
            " changed is taken back. Once more: leave at once."
        )

    def _watch(self, pid: int) -> None:
        asyncio.run(ended(pid))
        self._interrupt()

    def _interrupt(self) -> None:
        self._interrupted.set()
        if self._load is not None:
            self._load.interrupt()


def _take_back(deployment: Deployment, before: State) -> list[str]:
    """Have what was live be live again: a switch, and under load too. All of it is tried; what went wrong."""
    problems = []
    try:
        now = deployment.look()
        if (now.release, len(now.workers), now.ready) != (before.release, len(before.workers), True):
            operations.played(deployment, operations.ROLLBACK, release=before.release)
    except OperationError as error:
        problems.append(f"What was live cannot be brought back: {error}")
    try:
        deployment.restore(before)
    except OperationError as error:
        problems.append(f"What the proof has built cannot be removed: {error}")
    return problems


def load_options(settings: Settings) -> list[str]:
    """Return the generator's options for such a site."""
    options = ["--insecure", "--rate", str(settings.rate), "--max-requests", str(settings.requests)]
    options += ["--timeout", str(settings.timeout), "--get", settings.get_path]
    options += ["--expect-status", str(settings.get_status), *(f"--allow={each}" for each in settings.allow)]
    if settings.host:
        options += ["--host", settings.host]
    if settings.get_same:
        options += ["--expect-same"]
    if settings.post_path:
        options += ["--post", settings.post_path, "--post-body-template", settings.post_body]
        if settings.post_answer:
            options += ["--expect-body", settings.post_answer]
    if settings.count_file:
        options += ["--count-file", settings.count_file]
    return options


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Make a folder that nobody else can read; it goes when this process ends, in whatever way."""
    folder = Path(tempfile.mkdtemp(prefix="mooring-prove-"))
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEPER, str(folder)],
        env={"PYTHONPATH": PYTHONPATH},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            keeper.communicate()


_KEEPER: Final = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"
"""Removes a folder when its standard input ends: with whoever has the other end of the pipe."""
