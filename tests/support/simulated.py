"""A simulated supervisord with its workers, behind what `mooring.host` reaches it by; and a clock that moves as it is waited for.

It stands in for `mooring.rpc.call`, `mooring.status_socket.ask` and the module `time` of those that wait. Program files are real
ones; its processes are numbers and times. Each call that changes something, and each file that is written or removed, is a step:
at a step the program can be killed (`Killed`), or another operator come in.
"""

from __future__ import annotations

import json
import os
import re
import time as real_time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from supervisor.xmlrpc import Faults

from mooring import rpc, status_socket, untrusted
from mooring.host import daemon, files, gate, lock, operations, server, survey
from mooring.host.instance import COLOURS, Instance

START, DRAIN = 0.4, 0.6
"""Seconds for a worker to become ready, and to drain."""
WORKERS = 2
LOOKS = ("supervisor.get", "supervisor.read", "mooring.get", "mooring.checkSocket")


class Killed(BaseException):
    """The operator's program was killed here; no `except Exception` of its own sees it."""


class Violation(Exception):  # noqa: N818
    """The promise is broken; the text says where."""


@dataclass
class Worker:
    """A process of the simulation: when it was started, and when it was told to stop (0: not)."""

    group: str
    name: str
    release: str
    pid: int = 0
    started: float = 0
    told: float = 0
    failed: bool = False

    @property
    def state(self) -> str:
        if self.failed:
            return "FATAL"
        if not self.pid:
            return "STOPPED"
        if self.told:
            return "STOPPING"
        return "RUNNING"

    def ready(self, now: float) -> bool:
        return bool(self.pid and not self.told and not self.failed and now >= self.started + START)


class OneAfterTheOther:
    """Stands in for a pool of threads: who is asked here answers at once."""

    def __init__(self, max_workers: int) -> None:
        self.max_workers = max_workers

    def __enter__(self) -> OneAfterTheOther:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    map = staticmethod(map)


class Simulation:
    """The host: supervisord, its processes, the clock, and what interrupts an operator."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.now = 1000.0
        self.groups: dict[str, tuple[bytes, list[Worker]]] = {}
        self.configured: dict[str, bytes] = {}
        self.broken: set[str] = set()
        """Releases whose workers never become ready."""
        self.served = False
        self.steps = 0
        self.at: dict[int, Callable[[], None]] = {}
        """What happens at a step of the command that runs, by its number."""
        self.inside: list[str] = []
        """The operators whose commands run, each called in the middle of the one before it."""
        self.dead: set[int] = set()
        self.waited = 0.0
        """Seconds that who is inside of another's command has waited: for him alone they have passed."""
        self._pid = 1 << 23  # above any process of this machine

    # --- the clock

    def monotonic(self) -> float:
        return self.now + self.waited

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if (
            len(self.inside) > 1
        ):  # he waits for the end of the command that he stands in: his patience alone ends
            self.waited += lock.PATIENCE
            return
        end = self.now + max(seconds, 0.001)  # less than that may be lost in the sum
        while self.now < end:
            self.now = min(end, self.now + 0.1)
            self._reap()
            self.check("while somebody waits")

    def _reap(self) -> None:
        for _, workers in self.groups.values():
            for each in workers:
                if each.told and self.now >= each.told + DRAIN:
                    each.pid, each.told = 0, 0
                if each.pid and each.release in self.broken and self.now >= each.started + START:
                    each.pid, each.failed = 0, True

    # --- the promise

    def workers(self) -> Iterator[Worker]:
        for group, (_, workers) in self.groups.items():
            if group != self.instance.group("bootstrap"):
                yield from workers

    def check(self, when: str) -> None:
        """Check that a worker is ready, once one was; there may be two generations. Violation."""
        up = [each for each in self.workers() if each.ready(self.now)]
        self.served = self.served or len(up) == WORKERS
        if self.served and not up:
            raise Violation(f"no worker is ready {when}")

    def step(self, what: str) -> None:
        """Come to a step of the operator whose command runs."""
        if len(self.inside) > 1:
            raise Violation(
                f"{self.inside[-1]} changes the instance in the middle of {self.inside[0]}: {what}"
            )
        self.steps += 1
        happens = self.at.pop(self.steps, None)
        if happens:
            happens()

    # --- supervisord

    def call(self, _: Path, method: str, arguments: tuple[Any, ...], __: float) -> Any:
        if method.startswith(LOOKS):
            return self._answer(method, arguments)
        self.step(f"before {method}{arguments}")
        answer = self._answer(method, arguments)
        self.check(f"after {method}{arguments}")
        self.step(f"after {method}{arguments}")
        return answer

    def _answer(self, method: str, arguments: tuple[Any, ...]) -> Any:
        self._reap()
        function: Callable[..., Any] = getattr(self, "_" + method.partition(".")[2])
        return function(*arguments)

    def _getAllProcessInfo(self) -> list[dict[str, Any]]:  # noqa: N802 - supervisord's name
        return [
            {
                "group": each.group,
                "name": each.name,
                "statename": each.state,
                "pid": each.pid,
                "exitstatus": 0,
                "stderr_logfile": "",
                "stdout_logfile": "",
                "spawnerr": "",
                "start": int(each.started),
            }
            for _, workers in self.groups.values()
            for each in workers
        ]

    def _getAllConfigInfo(self) -> list[dict[str, Any]]:  # noqa: N802
        return [{"group": group} for group in self.configured]

    def _readLog(self, *_: int) -> str:  # noqa: N802
        return ""

    def _checkSocket(self, _: str) -> bool:  # noqa: N802
        return True

    def _reloadConfig(self) -> list[list[list[str]]]:  # noqa: N802
        self.configured = {path.stem: path.read_bytes() for path in self.instance.conf_dir.glob("*.conf")}
        added = [each for each in self.configured if each not in self.groups]
        changed = [
            each
            for each in self.configured
            if self.groups.get(each, (self.configured[each],))[0] != self.configured[each]
        ]
        removed = [each for each in self.groups if each not in self.configured]
        return [[sorted(added), sorted(changed), sorted(removed)]]

    def _addProcessGroup(self, group: str) -> bool:  # noqa: N802
        if group in self.groups:
            raise xmlrpc.client.Fault(Faults.ALREADY_ADDED, group)
        content = self.configured[group]
        found = re.search(rb'MOORING_RELEASE="([^"]*)"', content)
        assert found
        names = [group] if group == self.instance.group("bootstrap") else [str(n) for n in range(WORKERS)]
        workers = [Worker(group, name, found[1].decode()) for name in names]
        self.groups[group] = (content, workers)
        for each in workers:
            self._start(each)
        return True

    def _start(self, worker: Worker) -> None:
        self._pid += 1
        worker.pid, worker.started, worker.told, worker.failed = self._pid, self.now, 0, False

    def _named(self, full_name: str) -> Worker:
        group, _, name = full_name.partition(":")
        return next(each for each in self.groups[group][1] if each.name == (name or group))

    def _startProcess(self, full_name: str, _: bool) -> bool:  # noqa: N802
        worker = self._named(full_name)
        if worker.pid:
            raise xmlrpc.client.Fault(Faults.ALREADY_STARTED, full_name)
        self._start(worker)
        return True

    def _stop(self, worker: Worker) -> None:
        if worker.pid and not worker.told:
            worker.told = self.now
        worker.failed = False

    def _stopProcess(self, full_name: str, _: bool) -> bool:  # noqa: N802
        worker = self._named(full_name)
        if not worker.pid:
            raise xmlrpc.client.Fault(Faults.NOT_RUNNING, full_name)
        self._stop(worker)
        return True

    def _stopProcessGroup(self, group: str, _: bool) -> list[Any]:  # noqa: N802
        for each in self.groups[group][1]:
            self._stop(each)
        return []

    def _removeProcessGroup(self, group: str) -> bool:  # noqa: N802
        if group not in self.groups:
            raise xmlrpc.client.Fault(Faults.BAD_NAME, group)
        if any(each.pid for each in self.groups[group][1]):
            raise xmlrpc.client.Fault(Faults.STILL_RUNNING, group)
        del self.groups[group]
        return True

    # --- the workers

    def ask(self, path: Path, _: str, __: float) -> dict[str, Any]:
        for group, (_content, workers) in self.groups.items():
            for each in workers:
                is_bootstrap = group == self.instance.group("bootstrap")
                full_name = group if is_bootstrap else f"{group}:{each.name}"
                if status_socket.of_process(self.instance.run_dir, full_name) == path and each.pid:
                    ready = each.ready(self.now)
                    state = "ready" if ready else "draining" if each.told else "starting"
                    return {"ready": ready, "state": state, "pid": each.pid, "release": each.release}
        raise status_socket.NoAnswerError(f"{path}: nobody")

    # --- files

    def write(self, path: Path, content: bytes, mode: int = 0o644) -> None:
        self.step(f"before {path.name} is written")
        self._write(path, content, mode)
        if path.name == "live.json":
            self._check_named(json.loads(content))
        self.step(f"after {path.name} is written")

    def _check_named(self, named: dict[str, str]) -> None:
        """Check that what is named live serves, and nothing that has not proved itself. Violation."""
        group = self.instance.group(named["colour"])
        ready = {each.release for each in self.workers() if each.group == group and each.ready(self.now)}
        if ready != {named["release"]}:
            raise Violation(f"{named} is named live, and no worker of it is ready")

    def drop(self, path: Path) -> bool:
        self.step(f"before {path.name} is removed")
        done = self._drop(path)
        self.step(f"after {path.name} is removed")
        return done

    @contextmanager
    def installed(self) -> Iterator[Simulation]:
        """Have `mooring.host` find this host in the place of the real one."""
        self._write, self._drop, started = files.write, daemon.drop, lock._started
        clock = mock.Mock(wraps=real_time, monotonic=self.monotonic, sleep=self.sleep, time=self.time)
        with ExitStack() as stack:
            for where, name, what in (
                (rpc, "call", self.call),
                (status_socket, "ask", self.ask),
                (server, "time", clock),
                (server, "POLL", 0.1),
                (gate, "ThreadPoolExecutor", OneAfterTheOther),
                (survey, "ThreadPoolExecutor", OneAfterTheOther),
                (os, "fsync", lambda _: None),
                (lock, "time", clock),
                (lock, "_started", lambda pid: 0 if pid in self.dead else started(pid) or pid),
                (untrusted, "user_of", lambda _: 0),
                (files, "write", self.write),
                (daemon, "drop", self.drop),
                (operations, "_intact", lambda *_: None),
            ):
                stack.enter_context(mock.patch.object(where, name, what))
            yield self


def build(instance: Instance, release: str) -> None:
    """Make a release's folder with its program files, and its release.json."""
    folder = instance.release(release)
    folder.mkdir(parents=True)
    for part in ("bootstrap", *COLOURS):
        text = f'[fcgi-program:{instance.group(part)}]\nenvironment = MOORING_RELEASE="{release}"\n'
        (folder / f"{part}.conf").write_text(text)
    (folder / "release.json").write_text(f'{{"instance": "{instance.name}", "workers": {WORKERS}}}\n')
