"""A real worker of mooring's, serving the API on a free port of loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from support.places import SOURCES
from support.upstream.clients import OverSocket
from support.waiting import DEADLINE, until

APPS = {
    "django": "multicloud.django_web.wsgi:application",
    "pecan": "multicloud.pecan_web.app:make_app()",
}
SMOKE = "/api/multicloud/v0/vim_types"


class Worker:
    """One worker process; a context manager that ends it."""

    def __init__(self, framework: str, environment: Mapping[str, str], stdout: int | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="worker-")
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = listener.getsockname()[1]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MULTICLOUD_")}
        own = {
            "PYTHONPATH": SOURCES,
            "MOORING_INSTANCE": "contract",
            "MOORING_RUN_DIR": self._folder.name,
            "MOORING_FRAMEWORK": framework,
            "MOORING_APP": APPS[framework],
            "MOORING_SMOKE_PATH": SMOKE,
        }
        with Path(self._folder.name, "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mooring.worker"],
                stdin=listener.fileno(),
                stdout=subprocess.DEVNULL if stdout is None else stdout,
                stderr=errors,
                cwd=self._folder.name,
                env=inherited | own | dict(environment),
            )
        listener.close()
        self.client = OverSocket(self.port)

    def __enter__(self) -> Worker:
        try:
            until(self._serves, "the worker answers")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE)
        finally:
            self.process.kill()
            self.process.wait()
            self._folder.cleanup()

    def _serves(self) -> bool:
        assert self.process.poll() is None, self.errors()
        return self.client.request("GET", SMOKE).status > 0

    def errors(self) -> str:
        """Return what the worker has written to standard error."""
        return Path(self._folder.name, "stderr").read_text(errors="replace")

    def resident(self) -> int:
        """Return the worker's resident memory, in bytes."""
        statm = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(statm[1]) * os.sysconf("SC_PAGE_SIZE")
