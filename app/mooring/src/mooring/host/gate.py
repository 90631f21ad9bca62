"""`gate` and `wait-process`: wait until processes have proved themselves, or refuse and say why.

A process has proved itself when supervisord calls it RUNNING (it has stayed up for startsecs), and it says
`ready` over its status socket, and with the pid that supervisord knows.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mooring import status_socket
from mooring.host.errors import HostError
from mooring.host.lastwords import Marks, last_words, stack_of
from mooring.host.server import Process, Server, polling

ASK_TIMEOUT = 2.0  # seconds for one answer over a status socket
STACKS = 3  # hanging processes whose stacks are shown: they mostly hang alike
LIVES = 3  # a process that is seen with that many pids comes up again and again, and is refused

Progress = Callable[[str], None]


class Timeouts(NamedTuple):
    """Seconds for new processes to prove themselves, and for a group's processes to drain."""

    gate: float = 60.0
    drain: float = 600.0


Answer = dict[str, Any]


def ask(run_dir: Path, process: Process, word: str, timeout: float) -> Answer:
    """Ask the process over its status socket; the answer has the one key `error` when there was none."""
    if not process.pid:
        return {"error": f"it is {process.state}"}
    try:
        answer = status_socket.ask(status_socket.of_process(run_dir, process.full_name), word, timeout)
    except status_socket.NoAnswerError as error:
        return {"error": str(error)}
    if answer.get("pid") != process.pid:
        return {"error": f"pid {answer.get('pid')} answers, supervisord knows pid {process.pid}"}
    return answer


def ask_all(run_dir: Path, processes: list[Process], word: str, timeout: float = ASK_TIMEOUT) -> list[Answer]:
    """Ask all of them at once: those that hang cost the timeout (in seconds) once, not each of them."""
    with ThreadPoolExecutor(max_workers=32) as pool:
        return list(pool.map(lambda process: ask(run_dir, process, word, timeout), processes))


class Watch:
    """Looks at a set of processes again and again, and refuses as soon as it is plain that one has failed."""

    def __init__(
        self,
        run_dir: Path | None,
        progress: Progress,
        release: str | None = None,
        *,
        proved: bool = False,
        words: Callable[[Process], str] = last_words,
    ) -> None:
        self._words = words
        self._run_dir, self._progress, self._release, self._proved = run_dir, progress, release, proved
        self._before: dict[str, Process] = {}
        self._pids: dict[str, set[int]] = {}
        self._told: set[int] = set()
        self._has_served: set[int] = set()  # pids of those that have said they are ready, or draining

    def look(self, processes: list[Process], left: float) -> list[tuple[Process, str]]:
        """Return those that are not ready, each with what it lacks. HostError when one has failed.

        `left` is how many seconds the caller still has.
        """
        for process in processes:
            self._refuse_failed(process)
        answers: list[Answer] = [{"ready": True}] * len(processes)
        if self._run_dir:
            answers = ask_all(self._run_dir, processes, status_socket.READY, min(ASK_TIMEOUT, max(left, 0.2)))
        lacking = []
        for process, answer in zip(processes, answers, strict=True):
            lack = self._lack(process, answer)
            if lack:
                lacking.append((process, lack))
            elif process.pid not in self._told:
                self._told.add(process.pid)
                self._progress(f"{process.full_name} is ready (pid {process.pid})")
        return lacking

    def _refuse_failed(self, process: Process) -> None:
        name = process.full_name
        pids = self._pids.setdefault(name, set())
        pids.update({process.pid} - {0})
        before = self._before.get(name, process)
        self._before[name] = process
        # One that is known to have proved itself may renew itself between two looks
        if not self._proved and before.pid not in (0, process.pid, *self._has_served):
            raise HostError(f"{name} (pid {before.pid}) ended before it was ready\n{self._words(process)}")
        # Status 0 from one that has served is a worker that renews itself; supervisord starts it again
        if process.state == "EXITED" and process.exit_status == 0:
            return
        if process.stopped or process.state in ("BACKOFF", "STOPPING"):
            ended = process.state == "EXITED" or (process.state == "BACKOFF" and process.exit_status)
            exited = f" with status {process.exit_status}" if ended else ""
            raise HostError(f"{name} is {process.state}{exited}\n{self._words(process)}")
        if len(pids - self._has_served if self._proved else pids) >= LIVES:
            raise HostError(f"{name} ends again and again\n{self._words(process)}")

    def _lack(self, process: Process, answer: Answer) -> str | None:
        if "error" in answer:
            return str(answer["error"])
        if answer.get("ready") or answer.get("state") == "draining":
            self._has_served.add(process.pid)
        if not answer.get("ready"):
            return f"it says it is {answer.get('state')}"
        if self._release is not None and answer.get("release") != self._release:
            raise HostError(
                f"{process.full_name} (pid {process.pid}) runs release {answer.get('release')}, not"
                f" {self._release}: was its program file put in place, and its group updated?"
            )
        return None if process.state == "RUNNING" else f"it is {process.state}"


@dataclass(frozen=True)
class Expected:
    """What must stand behind the gate: a group, its release, how many workers, and whether they passed it before.

    With marks, of the logs only what came after them is shown.
    """

    group: str
    release: str
    workers: int
    proved: bool = False
    marks: Marks | None = None


def gate(
    server: Server, run_dir: Path, expected: Expected, timeout: float, progress: Progress
) -> list[Process]:
    """Wait until exactly the expected workers are ready with the expected release, and return them.

    HostError as soon as one has failed, or after `timeout` seconds: then each that hangs shows its stack.
    """
    group, workers, marks = expected.group, expected.workers, expected.marks
    words = partial(last_words, server=server, marks=marks)
    watch = Watch(run_dir, progress, expected.release, proved=expected.proved, words=words)
    processes: list[Process] = []
    lacking: list[tuple[Process, str]] = []
    for left in polling(timeout):
        processes = server.processes(group)
        if not processes:
            raise HostError(f"supervisord knows no group {group}: put its program file in place, run update")
        if len(processes) != workers:
            raise HostError(f"{group} has {len(processes)} workers, not {workers}: run update {group}")
        lacking = watch.look(processes, left)
        if not lacking:
            return processes
    raise _too_late(
        server, lacking, f"{workers - len(lacking)} of {workers} workers of {group} have", timeout, marks
    )


def wait_process(  # noqa: PLR0913, PLR0917 - what, for how long, and whom to tell
    server: Server,
    run_dir: Path | None,
    full_name: str,
    timeout: float,
    progress: Progress,
    marks: Marks | None = None,
) -> Process:
    """Wait until the process is RUNNING and (with a run dir) ready; return it. HostError as of `gate`."""
    watch = Watch(run_dir, progress, words=partial(last_words, server=server, marks=marks))
    lacking: list[tuple[Process, str]] = []
    for left in polling(timeout):
        process = server.process(full_name)
        lacking = watch.look([process], left)
        if not lacking:
            return process
    raise _too_late(server, lacking, f"{full_name} has not", timeout, marks)


def _too_late(
    server: Server, lacking: list[tuple[Process, str]], who: str, timeout: float, marks: Marks | None
) -> HostError:
    said = [f"{process.full_name} (pid {process.pid}): {lack}" for process, lack in lacking]
    stacks = [stack_of(server, process, marks) for process, _ in lacking[:STACKS] if process.pid]
    return HostError("\n".join([f"{who} become ready within {timeout:g} s", *said, *stacks]))
