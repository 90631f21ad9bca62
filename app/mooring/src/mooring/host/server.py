"""Supervisord as the commands see it: calls with a time limit, faults as sentences, processes as a table."""

from __future__ import annotations

import os
import re
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor.states import STOPPED_STATES, ProcessStates
from supervisor.xmlrpc import Faults

from mooring import rpc, texts, untrusted
from mooring.host.errors import HostError
from mooring.host.instance import Instance

CALL_TIMEOUT = 30  # seconds; supervisord answers within one turn of its loop, at most about 1
POLL = 0.05  # seconds between two looks at supervisord; each look also makes it reap its children
NAME = re.compile(r"(?!\.)[^/:\\]{1,200}")  # of a group or process: it is part of the path of a status socket


FIELDS: dict[str, type] = {
    "group": str,
    "name": str,
    "statename": str,
    "pid": int,
    "exitstatus": int,
    "stderr_logfile": str,
    "stdout_logfile": str,
    "spawnerr": str,
    "start": int,
}
"""What is used of a process as supervisord tells of it."""


class FaultError(HostError):
    """Supervisord has answered with a fault."""

    def __init__(self, method: str, fault: xmlrpc.client.Fault) -> None:
        super().__init__(f"{method}: {fault.faultString}")
        self.code, self.text = fault.faultCode, fault.faultString


class SilentError(HostError):
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
    log_owner: int = field(default_factory=os.geteuid)
    """The user number of supervisord: a log of somebody else is not read."""

    @property
    def full_name(self) -> str:
        """The name as supervisorctl takes it."""
        return self.name if self.name == self.group else f"{self.group}:{self.name}"

    @property
    def stopped(self) -> bool:
        """Whether nothing of it runs, and nothing is about to unless somebody starts it."""
        return getattr(ProcessStates, self.state) in STOPPED_STATES


class Server:
    """One supervisord, by the URL of its control socket (`unix:///…/supervisor.sock`).

    It runs as the service user: what it answers is looked at before it is believed (`mooring.rpc`), and its texts are plain.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith("unix:///"):
            raise HostError(f"--server {url}: write unix:// and the absolute path of supervisord's socket")
        self.url = url
        self.control = Path(url[len("unix://") :])

    @classmethod
    def of(cls, instance: Instance) -> Server:
        """Return the supervisord that runs the instance."""
        return cls(f"unix://{instance.control}")

    def call(self, method: str, *arguments: Any) -> Any:
        """Call an RPC method. FaultError, or HostError when supervisord can't be reached."""
        return texts.plain_value(self._call(method, arguments))

    def lines(self, method: str, *arguments: Any) -> list[str]:
        """Call a method that answers with a text, and return its lines, each plain; errors as of `call`."""
        found = self._call(method, arguments)
        return [texts.plain(line, "\t") for line in found.splitlines()] if isinstance(found, str) else []

    def rows(self, method: str, fields: dict[str, type]) -> list[dict[str, Any]]:
        """Call a method that answers with a list of objects, each with at least these fields; errors as of `call`."""
        found = self.call(method)
        if not isinstance(found, list):
            raise self._nonsense(method)
        for each in found:
            if not isinstance(each, dict) or any(type(each.get(name)) is not fields[name] for name in fields):
                raise self._nonsense(method)
        return found

    def _nonsense(self, method: str) -> SilentError:
        return SilentError(f"supervisord at {self.url} answers {method} with what is no answer to it")

    def _call(self, method: str, arguments: tuple[Any, ...]) -> Any:
        try:
            return rpc.call(self.control, method, arguments, CALL_TIMEOUT)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:
                raise SilentError(
                    f"supervisord at {self.url} is shutting down or reloading: try again, or start it"
                ) from fault
            if fault.faultCode == Faults.UNKNOWN_METHOD and method.startswith("mooring."):
                raise HostError(
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
        except OSError as error:
            raise SilentError(f"supervisord at {self.url}: {error.strerror or error}") from error

    def wait(self, timeout: float) -> int:
        """Wait until supervisord answers, and return its pid. HostError after `timeout` seconds."""
        why: HostError | None = None
        for _ in polling(timeout):
            why = self._call_error("supervisor.getState")
            if why is None:
                pid = self.call("supervisor.getPID")
                if type(pid) is not int:
                    raise self._nonsense("supervisor.getPID")
                return pid
        raise HostError(f"waited {timeout:g} s in vain: {why}")

    def _call_error(self, method: str) -> HostError | None:
        try:
            self.call(method)
        except HostError as error:
            return error
        return None

    def processes(self, group: str | None = None) -> list[Process]:
        """List the processes, of one group or of all, in the order of groups and numbers."""
        rows = self.rows("supervisor.getAllProcessInfo", FIELDS)
        if any(type(getattr(ProcessStates, info["statename"], None)) is not int for info in rows):
            raise self._nonsense("supervisor.getAllProcessInfo")
        owner = self.owner() if rows else 0
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
                log_owner=owner,
            )
            for info in rows
            if group in (None, info["group"])
            and NAME.fullmatch(info["group"])
            and NAME.fullmatch(info["name"])
        ]
        return sorted(found, key=lambda p: (p.group, int(p.name) if p.name.isdecimal() else -1, p.name))

    def owner(self) -> int:
        """Return the user number of supervisord; see `mooring.untrusted.user_of`. SilentError."""
        try:
            return untrusted.user_of(self.control)
        except OSError as error:
            raise SilentError(f"no supervisord at {self.url} ({error.strerror})") from error

    def process(self, full_name: str) -> Process:
        """Return the process of that name. HostError if there is none."""
        for process in self.processes():
            if process.full_name == full_name:
                return process
        raise HostError(f"supervisord knows no process {full_name}: is its program file in place? run update")


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
            raise HostError(sentence(fault)) from fault
        raise
