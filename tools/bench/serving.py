"""A server under measurement: started, waited for, asked what it costs, and ended."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from bench.processes import Process, of_sessions, workers
from bench.servers import BACKLOG, WORKERS, Server

START_DEADLINE = 60.0
"""Seconds that a server may take until it answers rightly."""
PATIENCE = 1.0
"""Seconds that one question may take while it starts: the socket is open already, so a server that has ended looks slow."""
STOP_DEADLINE = 15.0
"""Seconds that a server may take to end after SIGTERM; it is killed then."""
SETTLE_DEADLINE = 5.0
"""Seconds that a server may go on working after a load, closing connections."""
QUIET = 0.05
"""Seconds without CPU time that count as quiet."""
PAUSE = 0.02


class ServingError(RuntimeError):
    """A server did not start or did not answer as it must; the text says which and shows the end of its log."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as trial:
        port: int = trial.getsockname()[1]
    return port


class Running:
    """A server's processes. A context manager: leaving it ends them."""

    def __init__(
        self, server: Server, binaries: Path, folder: Path, path: list[Path], extra: Mapping[str, str]
    ) -> None:
        self.server = server
        self._binaries = binaries
        self._folder = folder / server.name
        self._folder.mkdir(parents=True)
        self._path = path
        self._extra = extra
        self._listener: socket.socket | None = None
        self._started: list[subprocess.Popen[bytes]] = []
        self.port = 0

    def __enter__(self) -> Running:
        """Start the processes; ``until_right`` waits for them."""
        if self.server.inherits:
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
            self.port = self._listener.getsockname()[1]
        else:
            self.port = free_port()
        for number in range(WORKERS if self.server.inherits else 1):
            self._start(number)
        return self

    def _start(self, number: int) -> None:
        words = [word.format(port=self.port) for word in self.server.command]
        words[0] = str(self._binaries / words[0])
        dropped = ("MOORING_", "MULTICLOUD_", "PYTHON", "DJANGO_", "EVENTLET_")
        environ = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        environ |= {"PYTHONPATH": ":".join(map(str, self._path)), "VIRTUAL_ENV": str(self._binaries.parent)}
        environ |= {"MULTICLOUD_REQUEST_LOG": "off", **self.server.environ, **self._extra}
        if "MOORING_INSTANCE" in environ:
            environ |= {"MOORING_NUMBER": str(number), "MOORING_RUN_DIR": str(self._folder)}
        with self._log.open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    words,
                    env=environ,
                    cwd=self._folder,
                    stdin=self._listener.fileno() if self._listener else subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])

    def url(self, path: str) -> str:
        """Return the URL of a path on this server."""
        return f"http://127.0.0.1:{self.port}{path}"

    def ask(self, path: str, timeout: float = START_DEADLINE) -> tuple[int, bytes]:
        """GET once, on a connection of its own; return status and body. Raises OSError or HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def until_right(self, path: str, body: bytes | None) -> bytes:
        """Wait until the answer is 200 with that body (None: any); return the body. Raises ServingError."""
        deadline = time.monotonic() + START_DEADLINE
        seen: object = None
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self._started):
                raise ServingError(f"{self.server.name} has ended:\n{self._last_words()}")
            try:
                seen = status, got = self.ask(path, PATIENCE)
            except (OSError, http.client.HTTPException) as error:
                seen = error
                time.sleep(PAUSE)
                continue
            if status == 200 and body in (None, got):
                return got
            raise ServingError(f"{self.server.name} answers {path} by {seen!r}, not 200 and {body!r}")
        raise ServingError(f"{self.server.name} does not answer: {seen!r}\n{self._last_words()}")

    # What it costs

    def processes(self) -> list[Process]:
        """Return all its processes that are alive."""
        return of_sessions({process.pid for process in self._started})

    def workers(self) -> list[Process]:
        """Return those that serve."""
        return workers(self.processes(), self.server.helper)

    def cpu(self) -> dict[int, float]:
        """Return CPU seconds so far, by process id."""
        return {process.pid: process.cpu for process in self.processes()}

    def settle(self) -> None:
        """Wait until it uses no CPU time: what it still does for one load is not to slow down the next."""
        deadline = time.monotonic() + SETTLE_DEADLINE
        before = self.cpu()
        while time.monotonic() < deadline:
            time.sleep(QUIET)
            now = self.cpu()
            if now == before:
                return
            before = now

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all its processes, by force after STOP_DEADLINE."""
        for process in self._started:
            process.terminate()
        deadline = time.monotonic() + STOP_DEADLINE
        for process in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for left in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(left.pid, signal.SIGKILL)
        for process in self._started:
            process.wait()
        if self._listener is not None:
            self._listener.close()


@contextlib.contextmanager
def upstream(python: Path, path: list[Path]) -> Iterator[int]:
    """Run the slow upstream; yield its port."""
    process = subprocess.Popen(
        [python, "-m", "bench.upstream"],
        env={**os.environ, "PYTHONPATH": ":".join(map(str, path))},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        line = process.stdout.readline()
        if not line.strip().isdigit():
            raise ServingError(f"the benchmark's upstream did not start (it said {line!r})")
        yield int(line)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
