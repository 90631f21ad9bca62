"""A real supervisord in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from mooring.process import die_with_parent
from support.places import SOURCES
from support.processes import alive
from support.waiting import DEADLINE, until

ACCEPTOR = Path(__file__).parent / "apps/acceptor.py"

CONFIG = """\
[supervisord]
nodaemon = {nodaemon}
directory = {folder}
logfile = {folder}/supervisord.log
pidfile = {folder}/supervisord.pid
childlogdir = {folder}/log
minfds = {minfds}
environment = PYTHONPATH="{sources}",PYTHONWARNINGS="ignore"
[unix_http_server]
file = {control}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[rpcinterface:mooring]
supervisor.rpcinterface_factory = mooring.plugin:make_rpcinterface
[supervisorctl]
serverurl = unix://{control}
[include]
files = conf.d/*.conf
"""

# Runs the command that follows with the inherited descriptors passed as systemd does: sd_listen_fds(3)
AS_SYSTEMD = """
import fcntl, os, sys
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for place, fd in enumerate(fds, 3):
    os.dup2(fd, place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Rpc:
    """An XML-RPC client that opens and closes a connection for each call."""

    def __init__(self, url: str, method: str = "") -> None:
        self._url, self._method = url, method

    def __getattr__(self, name: str) -> Rpc:
        return Rpc(self._url, f"{self._method}.{name}".lstrip("."))

    def __call__(self, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, self._url)
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport) as proxy:
            return getattr(proxy, self._method)(*arguments)


def _prepare(limits: tuple[int, int] | None) -> None:
    """Have a new process end with this one, and give it the limits on open files."""
    die_with_parent()  # pytest-xdist ends its processes at once when it is interrupted
    if limits:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


class Supervisord:
    """A real supervisord in `folder` (of a short name), run from the virtualenv of `python`."""

    def __init__(self, folder: Path, python: Path = Path(sys.executable), minfds: int = 256) -> None:
        self.folder, self.python, self.minfds = folder, python, minfds
        self.control = folder / "supervisor.sock"
        self.process: subprocess.Popen[bytes] | None = None
        self.environ = {**os.environ, "PYTHONPATH": SOURCES, "PYTHONWARNINGS": "ignore"}
        self.environ.pop("PYTHONUNBUFFERED", None)  # a user's shell has none
        for name in ("conf.d", "log", "run"):
            (folder / name).mkdir()
        self.configure()

    def configure(self, *, nodaemon: bool = True) -> None:
        """Write supervisord.conf."""
        text = CONFIG.format(
            folder=self.folder,
            control=self.control,
            sources=SOURCES,
            minfds=self.minfds,
            nodaemon=str(nodaemon).lower(),
        )
        (self.folder / "supervisord.conf").write_text(text)

    def program(self, name: str, socket_url: str, command: str | None = None, **options: object) -> None:
        """Write an `[fcgi-program:<name>]`; without a command, it answers every connection with its pid."""
        values: dict[str, object] = {
            "command": command or f"{sys.executable} {ACCEPTOR}",
            "process_name": "%(process_num)s",
            "socket": socket_url,
            "startsecs": 0,
            "stderr_logfile": f"{self.folder}/log/{name}-%(process_num)s.err",
            "stdout_logfile": f"{self.folder}/log/{name}-%(process_num)s.out",
            **options,
        }
        lines = [f"[fcgi-program:{name}]", *(f"{key} = {value}" for key, value in values.items())]
        (self.folder / "conf.d" / f"{name}.conf").write_text("\n".join(lines) + "\n")

    def remove_program(self, name: str) -> None:
        """Take the program out of the configuration."""
        (self.folder / "conf.d" / f"{name}.conf").unlink()

    def start(
        self, passed: tuple[socket.socket, ...] = (), limits: tuple[int, int] | None = None
    ) -> Supervisord:
        """Start it (with sockets passed as by systemd, with limits on open files), wait until it answers.

        `limits`: the soft and the hard one.
        """
        command = [str(self.python.parent / "supervisord"), "-c", str(self.folder / "supervisord.conf")]
        command.insert(0, str(self.python))
        if passed:
            fds = ",".join(str(each.fileno()) for each in passed)
            command = [str(self.python), "-c", AS_SYSTEMD, fds, *command]
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.environ,
                cwd=self.folder,
                pass_fds=[each.fileno() for each in passed],
                preexec_fn=lambda: _prepare(limits),  # noqa: PLW1509 - two calls, no lock
            )
        self.wait()
        return self

    def wait(self) -> None:
        """Wait until it answers, with all of its configuration read."""
        until(self._answers, f"supervisord answers\n{self.output()}")

    def _answers(self) -> bool:
        code = self.process.poll() if self.process else None
        assert code in (None, 0), f"supervisord ended with status {code}\n{self.output()}"
        try:
            return bool(self.rpc.supervisor.getState()["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    @property
    def url(self) -> str:
        """Its control socket."""
        return f"unix://{self.control}"

    @property
    def rpc(self) -> Rpc:
        """An XML-RPC client: `rpc.supervisor.getState()`."""
        return Rpc(self.url)

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self.rpc.supervisor.getPID())

    def ctl(self, *words: str, status: int = 0) -> str:
        """Run supervisorctl and return what it prints; its exit status must be the one that is given."""
        done = subprocess.run(
            [str(self.python), "-m", "supervisor.supervisorctl", "-s", self.url, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
            env=self.environ,
            cwd=self.folder,
        )
        assert done.returncode == status, f"supervisorctl {words}: {done.stdout}{done.stderr}\n{self.log()}"
        return done.stdout + done.stderr

    def reload(self) -> None:
        """Reload it: `supervisorctl reload` ends all processes and starts anew in the same process."""
        times = self.log().count("supervisord started with pid")
        self.ctl("reload")
        until(
            lambda: self.wake() or self.log().count("supervisord started with pid") > times, "it has reloaded"
        )
        self.wait()

    def wake(self) -> None:
        """Have it look at its children now: unasked, it does so once a second."""
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            self.rpc.supervisor.getState()

    def log(self) -> str:
        """Return supervisord's own log."""
        path = self.folder / "supervisord.log"
        return path.read_text() if path.exists() else ""

    def output(self) -> str:
        """Return all that it wrote."""
        out = self.folder / "out"
        return (out.read_text() if out.exists() else "") + self.log()

    def pids(self, group: str) -> list[int]:
        """Return the pids of the group's processes that run."""
        infos = self.rpc.supervisor.getAllProcessInfo()
        return [info["pid"] for info in infos if info["group"] == group and info["pid"]]

    def sockets(self) -> dict[str, dict[str, Any]]:
        """Return the plugin's open sockets by URL."""
        return {each["url"]: each for each in self.rpc.mooring.getSockets()}

    def kill(self) -> None:
        """Kill it as the out-of-memory killer would."""
        assert self.process is not None
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(DEADLINE)

    def stop(self) -> None:
        """End it and all its processes, gently if it can be done; the folder stays."""
        if self.process is None:
            return
        pids = []
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            pids = [self.pid, *(info["pid"] for info in self.rpc.supervisor.getAllProcessInfo())]
            self.rpc.supervisor.shutdown()
        end = time.monotonic() + DEADLINE
        while (self.process.poll() is None or any(map(alive, filter(None, pids)))) and time.monotonic() < end:
            time.sleep(0.02)
            self.wake()
        for pid in filter(alive, (self.process.pid, *filter(None, pids))):
            os.kill(pid, signal.SIGKILL)
