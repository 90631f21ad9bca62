"""What the fault tests share: who failed during a fault, and the state that a deployment must be in."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mooring import status_socket
from support.load.stage import NAME, Stage

CLIENTS = 12
"""The generator's clients: each has one request in flight at most."""
HEADER_TIMEOUT = 5
OWN_POST = b'{"id": "of no run"}'
REQUESTS_AFTER = 200
"""Requests that must have come to their end after a fault before it is judged: late failures are the fault's."""

MAY_LOSE: set[str] = set()
"""Faults that end a process: what it had in flight is lost. The verdict allows no other loss."""
REPLACED: dict[str, float] = {}
"""Seconds until what a fault had ended was ready again: told in the verdict's table, judged by nobody."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small tmpfs: needs root")


@contextmanager
def failing(stage: Stage, name: str, *, may_lose: bool = False) -> Iterator[list[dict[str, Any]]]:
    """Mark a fault; the list that it yields has each failed request, once the block is over."""
    found: list[dict[str, Any]] = []
    stage.generator.know(stage.pids(), f"before {name}")
    before = stage.generator.state()["failed"]
    if may_lose:
        MAY_LOSE.add(name)
    with stage.generator.marked(name):
        yield found
        settled(stage)
    stage.generator.know(stage.pids(), f"after {name}")
    state = stage.generator.state()
    stage.until(lambda: len(stage.generator.failures()) >= state["failed"])
    found += stage.generator.failures()[before : state["failed"]]


@contextmanager
def harmless(stage: Stage, name: str) -> Iterator[None]:
    """Mark a fault, and fail if a request has failed by its end."""
    with failing(stage, name) as found:
        yield
    assert not found, told(stage, found)


def settled(stage: Stage) -> None:
    """Wait until all workers are ready, and some requests more have been answered."""
    stage.gate()
    more_requests(stage, REQUESTS_AFTER)


def more_requests(stage: Stage, count: int) -> None:
    """Wait until so many requests more have come to their end."""
    done = stage.generator.state()["requests"]
    stage.until(lambda: stage.generator.state()["requests"] >= done + count)


def told(stage: Stage, found: list[dict[str, Any]]) -> str:
    """Tell of failures, for an assertion's message."""
    skip = stage.generator.failures().index(found[0]) if found else 0
    return f"{len(found)} requests have failed:\n{stage.tell(skip)}"


def holder(failure: dict[str, Any]) -> int | None:
    """Return the pid that held a failed request, if it is known."""
    return int(failure["holder"].split("/")[0]) if failure["holder"] else None


def assert_only_its_own(stage: Stage, found: list[dict[str, Any]], pid: int) -> None:
    """No more has failed than one process can have had in flight, and none that another is known to have held."""
    assert len(found) <= CLIENTS, told(stage, found)
    assert {holder(each) for each in found} <= {pid, None}, told(stage, found)


def ready(stage: Stage, name: str) -> int | None:
    """Return the pid of the process that says on its status socket that it is ready; `name` is supervisord's."""
    answer = _answer(stage, name)
    return int(answer["pid"]) if answer.get("ready") else None


def private_state(stage: Stage, name: str, pid: int) -> str:
    """Return the state that the process says on its status socket that it is in, "" if that is another's."""
    answer = _answer(stage, name)
    return str(answer["state"]) if answer.get("pid") == pid else ""


def _answer(stage: Stage, name: str) -> dict[str, Any]:
    path = stage.home / "run" / f"{name.replace(':', '-')}.sock"
    try:
        return status_socket.ask(path, status_socket.READY, 2)
    except status_socket.NoAnswerError:
        return {}


def replaced(stage: Stage, fault: str, name: str, pid: int) -> None:
    """Wait until another process is ready under that name, and note how long that has taken."""
    since = time.monotonic()
    stage.until(lambda: ready(stage, name) not in (None, pid))
    REPLACED[fault] = max(REPLACED.get(fault, 0), time.monotonic() - since)


def runs(pid: int) -> bool:
    """Tell whether there is such a process that has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # before, or while it is read
        return False


def supervisord_pid(stage: Stage) -> int:
    """Return supervisord's pid."""
    return int(stage.control("pid"))


@contextmanager
def no_gaps(stage: Stage) -> Iterator[None]:
    """Have supervisord use all descriptors up to its highest one, by idle connections to its control socket.

    As when it runs out of them by itself. A limit below the number of those that it watches is another thing, which
    prlimit(1) alone brings about: poll(2) then fails with EINVAL, and supervisord ends.
    """
    descriptors = Path(f"/proc/{supervisord_pid(stage)}/fd")

    def used() -> set[int]:
        # The shared sockets lie at or above minfds
        return {number for number in map(int, (each.name for each in descriptors.iterdir())) if number < 1024}

    with ExitStack() as connections:
        while len(before := used()) <= max(before):
            control = connections.enter_context(socket.socket(socket.AF_UNIX))
            control.connect(str(stage.root / "supervisor/run/supervisor.sock"))
            stage.until(lambda before=before: used() != before)
        yield


@contextmanager
def no_descriptors(pid: int, spare: int) -> Iterator[None]:
    """Leave a process so many descriptors that it has not used yet; it gets its limit back at the end.

    By prlimit(1) as the process's user: root itself needs CAP_SYS_RESOURCE for another's limits, which containers lack.
    """
    used = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
    unused = (number for number in itertools.count() if number not in used)
    soft = int(_prlimit(pid, "--output=SOFT", "--noheadings", "--nofile"))
    _prlimit(pid, f"--nofile={next(itertools.islice(unused, spare, None))}:")
    try:
        yield
    finally:
        _prlimit(pid, f"--nofile={soft}:")


def _prlimit(pid: int, *words: str) -> str:
    owner = Path(f"/proc/{pid}").stat()
    become = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    command = ["prlimit", f"--pid={pid}", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, **become).stdout


def end_supervisord(stage: Stage, how: signal.Signals) -> None:
    """End supervisord; returns when all its processes have ended, and the port can be had."""
    pids = [*stage.pids().values(), supervisord_pid(stage)]
    os.kill(pids[-1], how)
    stage.until(lambda: not [pid for pid in pids if runs(pid)])
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.bind(("127.0.0.1", stage.port))


def begun_post(port: int) -> socket.socket:
    """Begin a POST; returns when the application waits for the rest of its body."""
    client = socket.create_connection(("127.0.0.1", port), timeout=120)
    head = f"POST /count HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(OWN_POST)}\r\nExpect: 100-continue\r\n\r\n"
    client.sendall(head.encode())
    assert client.recv(65536).startswith(b"HTTP/1.1 100 ")
    client.sendall(OWN_POST[:5])
    return client


def finish_post(client: socket.socket) -> None:
    """Send the rest of the body; it must be answered."""
    client.sendall(OWN_POST[5:])
    assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def victim(stage: Stage) -> tuple[str, int]:
    """Return one of the workers: its name and pid."""
    return min(stage.workers().items())


def assert_not_mixed(stage: Stage) -> None:
    """What runs is what live.json names, of one release; nothing of the other colour; nobody holds the lock."""
    live, manifest = stage.live(), stage.manifest()
    wanted = {f"{NAME}-bootstrap"} | {f"{NAME}-{live['colour']}:{n}" for n in range(manifest["workers"])}
    assert set(stage.pids()) == wanted
    stage.gate()  # every worker says itself which release it is
    for name in ("bootstrap", live["colour"]):
        installed = (stage.root / f"supervisor/conf.d/{NAME}-{name}.conf").read_text()
        assert installed == (stage.home / "releases" / live["release"] / f"{name}.conf").read_text()
    assert (stage.home / "lock").read_text() == ""


@contextmanager
def small_disks(*folders: Path, size: str = "256k") -> Iterator[None]:
    """Mount a tmpfs over each folder, of its owner and mode; empty, and unmounted at the end. Needs root."""
    mounted: list[Path] = []
    try:
        for folder in folders:
            found = folder.stat()
            options = f"size={size},mode={found.st_mode & 0o777:o},uid={found.st_uid},gid={found.st_gid}"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
            mounted.append(folder)
        yield
    finally:
        for folder in reversed(mounted):
            # Lazy: logs and sockets in it may still be open
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(*folders: Path) -> Iterator[None]:
    """Fill each folder's file system to the last byte; the fillers are gone at the end."""
    fillers = [folder / "filler" for folder in folders]
    try:
        for filler in fillers:
            done = subprocess.run(
                ["dd", "if=/dev/zero", f"of={filler}", "bs=4096"], capture_output=True, text=True, check=False
            )
            assert "No space left on device" in done.stderr
        yield
    finally:
        for filler in fillers:
            filler.unlink(missing_ok=True)
