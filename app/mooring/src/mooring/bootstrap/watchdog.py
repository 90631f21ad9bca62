"""The watchdog: asks every worker over its status socket, and has one replaced that is blocked.

Which worker that does not answer is blocked, `liveness` says. That one is killed by SIGKILL, and supervisord starts another.

Never the wrong process: the pid is that of the process which listens on the status socket (SO_PEERCRED,
unix(7)), and is held by a pidfd from the moment of the question on. If the listener ends, the question ends
with it; so as long as the question stands, that process lives, and the pidfd is its. And it must be a child
of our own parent, supervisord.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import time
from pathlib import Path

from mooring import status_socket
from mooring.bootstrap.liveness import Liveness, Sample, Verdict
from mooring.bootstrap.say import say
from mooring.settings import Settings

UCRED = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid
STACK_TIME = 0.5  # seconds for a blocked worker to write its stack into its log, before it is killed
CLOCK_TICK = os.sysconf("SC_CLK_TCK")


class Watchdog:
    """Watches all workers of the instance, as they come and go."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeout = settings.watchdog_timeout
        self._watched: dict[Path, asyncio.Task[None]] = {}
        self._logged: set[tuple[int, Verdict]] = set()
        self._grown_up: set[int] = set()  # pids of workers that have been ready
        self.killed = 0

    async def run(self) -> None:
        """Watch until cancelled; for ever and without a look when the timeout is 0."""
        if not self._timeout:
            await asyncio.Event().wait()
        while True:
            for path in self._settings.worker_sockets():
                task = self._watched.get(path)
                if task is None or task.done():
                    if task is not None:
                        task.result()  # a mistake in here must not pass unseen
                    self._watched[path] = asyncio.create_task(self._watch_once(path))
            await asyncio.sleep(self._timeout / 10)

    async def _watch_once(self, path: Path) -> None:
        """Ask one worker and wait for its answer, for its end, or for the moment to kill it."""
        with contextlib.ExitStack() as stack:
            try:
                client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                client.setblocking(False)
                client.connect(str(path))  # at once, or not at all: unix(7)
                pid, _, _ = UCRED.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
                pidfd = os.pidfd_open(pid)
                stack.callback(os.close, pidfd)
                client.send(status_socket.READY.encode() + b"\n")
            except OSError:  # it is gone, or just coming or going: the next round will see
                return
            answer = asyncio.create_task(_answer(client))
            try:
                await self._wait(answer, pid, pidfd)
            finally:
                # Its end comes before the descriptor's: else it would let go of whoever has that number next
                answer.cancel()
                await asyncio.wait({answer})

    async def _wait(self, answer: asyncio.Task[bytes], pid: int, pidfd: int) -> None:
        # A worker that has not been ready yet may take the time of its smoke request on top
        grace = 0.0 if pid in self._grown_up else self._settings.smoke_timeout
        liveness = Liveness(self._timeout, grace, time.monotonic())
        while True:
            await asyncio.wait({answer}, timeout=liveness.interval)
            if answer.done():
                self._note(answer, pid)
                return
            try:
                sample, parent = sample_of(pid)
            except OSError:  # it has ended
                return
            verdict = liveness.judge(sample, time.monotonic())
            if verdict is Verdict.BLOCKED and parent == os.getppid():
                await self._kill(answer, pid, pidfd, sample)
                return
            if verdict is not Verdict.WAIT and (pid, verdict) not in self._logged:
                self._logged.add((pid, verdict))
                why = verdict.value if parent == os.getppid() else "it is not a child of our supervisord"
                say(f"worker {pid} has not answered for {self._timeout:g} s, and is left alone: {why}")

    def _note(self, answer: asyncio.Task[bytes], pid: int) -> None:
        with contextlib.suppress(OSError):
            if b'"ready": true' in answer.result() or b'"draining"' in answer.result():
                self._grown_up.add(pid)
            self._logged -= {(pid, verdict) for verdict in Verdict}

    async def _kill(self, answer: asyncio.Task[bytes], pid: int, pidfd: int, sample: Sample) -> None:
        """Kill the worker, after it has had the chance to write where it is blocked."""
        how = "stopped" if sample.state == "T" else f"blocked (state {sample.state})"
        unanswered = f"worker {pid} has not answered for {self._timeout:g} s"
        with contextlib.suppress(ProcessLookupError):
            if sample.state != "T":
                # faulthandler answers from C, even when the interpreter is stuck; a stopped process can't
                signal.pidfd_send_signal(pidfd, signal.SIGUSR1)
                await asyncio.wait({answer}, timeout=STACK_TIME)
                if answer.done() and answer.exception() is None and answer.result():
                    say(f"{unanswered}, but went on when SIGUSR1 asked it for its stack: see its log")
                    return
            say(f"{unanswered}, is {how}, and is killed")
            if self._settings.children == "end" and os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)  # the question stands, so its group is its own still
            self.killed += 1
            # The group's signal may have ended it already, and supervisord may have seen that
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            await _ended(pidfd)
        self._grown_up.discard(pid)


async def _answer(client: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    answer = b""
    while not answer.endswith(b"\n") and len(answer) < status_socket.MAX_ANSWER:
        data = await loop.sock_recv(client, 65536)
        if not data:
            break
        answer += data
    return answer


async def _ended(pidfd: int) -> None:
    """Wait until the process of the pidfd has ended: it becomes readable then, pidfd_open(2)."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)


def sample_of(pid: int) -> tuple[Sample, int]:
    """Look at the main thread of a process; return that, and the pid of its parent. OSError when it has ended."""
    thread = Path(f"/proc/{pid}/task/{pid}")
    fields = (
        (thread / "stat").read_text().rpartition(")")[2].split()
    )  # from state on: proc_pid_stat(5), field 3
    state, parent, cpu = fields[0], int(fields[1]), (int(fields[11]) + int(fields[12])) / CLOCK_TICK
    tracer = next(
        line for line in (thread / "status").read_text().splitlines() if line.startswith("TracerPid:")
    )
    return Sample(state, cpu, traced=tracer.split()[1] != "0"), parent
