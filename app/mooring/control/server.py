"""Supervisord as the commands see it: calls with a time limit, faults as sentences, processes as a table."""

from __future__ import annotations

import http.client
import re
import socket
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.states import STOPPED_STATES, ProcessStates
from supervisor.xmlrpc import Faults, SupervisorTransport, UnixStreamHTTPConnection

from mooring.control.errors import ControlError

CALL_TIMEOUT = 30  # seconds; supervisord answers within one turn of its loop, at most about 1
POLL = 0.05  # seconds between two looks at supervisord; each look also makes it reap its children


class FaultError(ControlError):
    """Supervisord has answered with a fault."""

    def __init__(self, method: str, fault: xmlrpc.client.Fault) -> None:
        super().__init__(f"{method}: {fault.faultString}")
        self.code, self.text = fault.faultCode, fault.faultString


class SilentError(ControlError):
    """Supervisord does not answer: there is none, or it cannot."""


@dataclass(frozen=True)
class Process:
    """A process as supervisord knows it; `pid` is 0 when there is none."""

    group: str
    name: str
    state: str
    pid: int
    exit_status: int
    log: Path | None
    spawn_error: str = ""
    """Why supervisord could not start it the last time, in supervisord's words."""
    since: int = 0
    """When it was started, in seconds since 1970."""

    @property
    def full_name(self) -> str:
        """The name as supervisorctl takes it."""
        return self.name if self.name == self.group else f"{self.group}:{self.name}"

    @property
    def stopped(self) -> bool:
        """Whether nothing of it runs, and nothing is about to unless somebody starts it."""
        return getattr(ProcessStates, self.state) in STOPPED_STATES


class _Connection(UnixStreamHTTPConnection):  # type: ignore[misc] # supervisor has no types
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CALL_TIMEOUT)
        self.sock.connect(self.socketfile)


class _Transport(SupervisorTransport):  # type: ignore[misc]
    def __init__(self, url: str) -> None:
        super().__init__(None, None, url)
        self._get_connection = self._timed_connection

    def _timed_connection(self) -> _Connection:
        connection = _Connection("localhost")
        connection.socketfile = self.serverurl.removeprefix("unix://")
        return connection


class Server:
    """One supervisord, by the URL of its control socket (`unix:///…/supervisor.sock`)."""

    def __init__(self, url: str) -> None:
        if not url.startswith("unix:///"):
            raise ControlError(f"--server {url}: write unix:// and the absolute path of supervisord's socket")
        self.url = url

    def call(self, method: str, *arguments: Any) -> Any:
        """Call an RPC method. FaultError, or ControlError when supervisord can't be reached."""
        try:
            with xmlrpc.client.ServerProxy("http://localhost", _Transport(self.url)) as proxy:
                return getattr(proxy, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:
                raise SilentError(
                    f"supervisord at {self.url} is shutting down or reloading: try again, or start it"
                ) from fault
            if fault.faultCode == Faults.UNKNOWN_METHOD and method.startswith("mooring."):
                raise ControlError(
                    f"supervisord at {self.url} runs without Mooring's plugin: supervisord.conf has no"
                    " [rpcinterface:mooring], or has had none when supervisord was started"
                ) from fault
            raise FaultError(method, fault) from fault
        except TimeoutError as error:
            raise SilentError(f"supervisord at {self.url} has not answered for {CALL_TIMEOUT} s") from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise SilentError(
                f"no supervisord at {self.url} ({error.strerror}): start it first, a deploy does so"
            ) from error
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise SilentError(f"supervisord at {self.url}: {error}") from error

    def wait(self, timeout: float) -> int:
        """Wait until supervisord answers, and return its pid. ControlError after `timeout` seconds."""
        why: ControlError | None = None
        for _ in polling(timeout):
            why = self._call_error("supervisor.getState")
            if why is None:
                return int(self.call("supervisor.getPID"))
        raise ControlError(f"waited {timeout:g} s in vain: {why}")

    def _call_error(self, method: str) -> ControlError | None:
        try:
            self.call(method)
        except ControlError as error:
            return error
        return None

    def processes(self, group: str | None = None) -> list[Process]:
        """List the processes, of one group or of all, in the order of groups and numbers."""
        found = [
            Process(
                group=info["group"],
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                exit_status=info["exitstatus"],
                log=Path(log) if (log := info["stderr_logfile"] or info["stdout_logfile"]) else None,
                spawn_error=info["spawnerr"],
                since=info["start"],
            )
            for info in self.call("supervisor.getAllProcessInfo")
            if group in (None, info["group"])
        ]
        return sorted(found, key=lambda p: (p.group, int(p.name) if p.name.isdecimal() else -1, p.name))

    def process(self, full_name: str) -> Process:
        """Return the process of that name. ControlError if there is none."""
        for process in self.processes():
            if process.full_name == full_name:
                return process
        raise ControlError(
            f"supervisord knows no process {full_name}: is its program file in place? run update"
        )


def own_groups(instance: str) -> re.Pattern[str]:
    """Match the names of an instance's groups: its name, a dash, and one word without a dash."""
    return re.compile(re.escape(instance) + "-[a-z][a-z0-9_]*")


def polling(timeout: float) -> Iterator[float]:
    """Yield the seconds that are left, now and then, and end when none are; once more at the very end."""
    end = time.monotonic() + timeout
    while (left := end - time.monotonic()) > 0:
        yield left
        time.sleep(min(POLL, left))
    yield 0


@contextmanager
def fault_means(code: int, sentence: Callable[[FaultError], str]) -> Iterator[None]:
    """Turn one kind of fault into a sentence of our own."""
    try:
        yield
    except FaultError as fault:
        if fault.code == code:
            raise ControlError(sentence(fault)) from fault
        raise
