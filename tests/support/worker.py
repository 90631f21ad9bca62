"""A real worker for tests: its process, its listening socket, and plain connections to it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mooring import status_socket
from support.places import SOURCES
from support.waiting import DEADLINE, until

APPS = Path(__file__).parent / "apps"
"""The applications that a worker of these tests may serve."""
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def page(path: str, method: str = "GET") -> bytes:
    """Return a request without a body; the path begins behind its slash."""
    return f"{method} /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


@dataclass
class Answer:
    """A parsed response."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def field(self, name: str) -> str | None:
        found = [value for key, value in self.fields if key.lower() == name.lower()]
        assert len(found) < 2, f"{name} stands {len(found)} times"
        return found[0] if found else None


class Client:
    """A connection that reads responses by the book."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(DEADLINE)
        self.sock = sock
        self.file = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, *, to_head: bool = False) -> Answer | None:
        """Return the next response, or None at the end of the connection."""
        line = self.file.readline()
        if not line:
            return None
        version, status, _ = (line + b" ").split(b" ", 2)
        assert version == b"HTTP/1.1", line
        fields = []
        while (line := self.file.readline()) != b"\r\n":
            assert line.endswith(b"\r\n"), line
            name, _, value = line[:-2].decode("latin-1").partition(": ")
            fields.append((name, value))
        answer = Answer(int(status), fields, b"")
        if to_head or answer.status in (100, 204, 304):
            return answer
        if answer.field("Transfer-Encoding"):
            answer.body = self._chunks()
        elif length := answer.field("Content-Length"):
            answer.body = self.file.read(int(length))
            assert len(answer.body) == int(length), "the connection ended within the body"
        else:
            answer.body = self.file.read()
        return answer

    def _chunks(self) -> bytes:
        body = b""
        while True:
            line = self.file.readline()
            assert line.endswith(b"\r\n"), f"the connection ended within the chunks: {line!r}"
            size = int(line, 16)
            body += self.file.read(size)
            assert self.file.readline() == b"\r\n"
            if not size:
                return body

    def ask(self, data: bytes = GET, *, to_head: bool = False) -> Answer:
        """Send and return the response, which must come."""
        self.send(data)
        answer = self.answer(to_head=to_head)
        assert answer is not None, "the connection was closed without a response"
        return answer

    def at_end(self) -> bool:
        """Tell whether the worker has closed (waiting for it)."""
        return self.file.read(1) == b""

    def close(self) -> None:
        self.file.close()
        self.sock.close()


class Worker:
    """A worker in a process of its own; the test holds the listening socket, as a bootstrap would."""

    def __init__(self, app: str = "worker_apps:echo", *, unix: bool = False, **settings: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mw-"))
        if unix:
            self.address: Any = str(self.folder / "web.sock")
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.address)
            self.listener.listen(1024)
        else:
            self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
            self.address = self.listener.getsockname()
        self.settings = {
            "instance": "test",
            "app": app,
            "run_dir": self.folder,
            "linger_timeout": 5,
            **settings,
        }
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes]

    def start(self, *, ready: bool = True, **popen: Any) -> Worker:
        """Start the process; wait until it is ready unless told not to."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("MOORING_")}
        environ |= {f"MOORING_{name.upper()}": str(value) for name, value in self.settings.items()}
        environ |= {"PYTHONPATH": f"{SOURCES}:{APPS}", "PYTHONWARNINGS": "error"}
        environ |= popen.pop("env", {})
        options: dict[str, Any] = {"stdin": self.listener, "stdout": subprocess.DEVNULL, **popen}
        with self.log.open("ab") as log:
            options.setdefault("stderr", log)
            self.process = subprocess.Popen([sys.executable, "-m", "mooring.worker"], env=environ, **options)
        if ready:
            until(self.is_ready, "the worker is ready")
        return self

    @property
    def status_socket(self) -> Path:
        return status_socket.worker_socket(
            self.settings["run_dir"],
            "test",
            self.settings.get("colour", "blue"),
            self.settings.get("number", 0),
        )

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"it ended: {self.words()}"
        try:
            return bool(status_socket.ask(self.status_socket, "ready", DEADLINE)["ready"])
        except status_socket.NoAnswerError:
            return False

    def stats(self) -> dict[str, Any]:
        return status_socket.ask(self.status_socket, "stats", DEADLINE)

    def words(self) -> str:
        """What it wrote to standard error."""
        return self.log.read_text()

    def connect(self) -> Client:
        sock = socket.socket(self.listener.family)
        sock.settimeout(DEADLINE)
        sock.connect(self.address)
        if self.listener.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Client(sock)

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        client = self.connect()
        try:
            yield client
        finally:
            client.close()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end, return the exit status."""
        return self.process.wait(DEADLINE)

    def stop(self) -> None:
        """End it whatever it does, and remove what it left."""
        process = getattr(self, "process", None)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait(DEADLINE)
        self.listener.close()
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()


@contextlib.contextmanager
def worker(app: str = "worker_apps:echo", **settings: Any) -> Iterator[Worker]:
    """Run a worker that is ready, and end it."""
    one = Worker(app, **settings)
    try:
        yield one.start()
    finally:
        one.stop()
