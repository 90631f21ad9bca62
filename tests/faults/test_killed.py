"""SIGKILL at each step of each command that changes an instance: what serves serves on, and the next command converges."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mooring import removal, status_socket
from mooring.host import calls, dispatch, integrity, live, lock
from mooring.host.instance import OWN_NAMES
from support.folders import short_folder
from support.hosted import Hosted
from support.places import REPOSITORY, SOURCES
from support.supervisord import Supervisord
from support.visitors import Visitors

MOST = 200
"""Steps of the longest command: the loop ends far before."""
KINDS = "files,rpc,programs"


class Ready:
    """Asks all workers again and again whether they are ready; `gaps` are the moments when none was."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.gaps: list[str] = []
        self.looks = 0

    def __enter__(self) -> Ready:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(60)

    def _watch(self) -> None:
        before = True
        while not self._end.wait(0.02):
            ready = any(self._is_ready(path) for path in self._run_dir.glob("api-*-*.sock"))
            # One look alone may see the successor just before it is ready, and the other just after it was drained
            if not ready and not before:
                self.gaps.append(f"no worker is ready at {time.time()}")
            before = ready
            self.looks += 1

    @staticmethod
    def _is_ready(path: Path) -> bool:
        try:
            return bool(status_socket.ask(path, status_socket.READY, 2).get("ready"))
        except status_socket.NoAnswerError:
            return False


class Host(Hosted):
    """A host whose calls can be killed at a step."""

    steps: list[str]

    def killed(self, name: str, last: int, kinds: str = KINDS, **arguments: Any) -> bool:
        """Make a call in a process of its own, and kill that at its step `last`; False: it has ended before, and done it."""
        request = {"call": name, "arguments": self._arguments(name, arguments), "check": False}
        log = self.home.with_name(f"{self.home.name}.steps")
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "support.kill_at", str(last), kinds, str(log)],
            input=json.dumps(request) + "\n",
            env={**os.environ, "PYTHONPATH": f"{SOURCES}:{REPOSITORY / 'tests'}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        self.steps = log.read_text().splitlines()
        log.unlink()
        if done.returncode == -signal.SIGKILL:
            assert len(self.steps) == last
            return True
        assert done.returncode == 0, f"{name}, step {last}: {done.stdout}{done.stderr}\n{self.steps}"
        return False

    def change(self, name: str, **arguments: Any) -> Any:
        """Make a call in this process, which saves half a second each time."""
        function, looks = calls.find(name)
        umask = os.umask(0o022)
        os.umask(umask)
        try:
            return dispatch.run(name, function, self._arguments(name, arguments), looks=looks)
        finally:
            os.umask(umask)

    def _arguments(self, name: str, more: dict[str, Any]) -> dict[str, Any]:
        if name.startswith("lock."):
            return more
        return {"root": str(self.root), "instance": self.name, **more}

    def assert_whole(self, release: str) -> None:
        """Check that this release alone serves, that its files and processes agree, and nothing is left of a killed command."""
        named = live.read(self.home)
        assert named.release == release
        own = {f"api-{named.colour}:{n}" for n in range(self.workers)}
        assert self.states() == dict.fromkeys(own | {"api-bootstrap:api-bootstrap"}, "RUNNING")
        assert {each.name for each in (self.home / "conf.d").iterdir()} == {
            "api-bootstrap.conf",
            f"api-{named.colour}.conf",
        }
        assert self.change("verify")["live"]["release"] == release
        left = [path.name for path in self.home.iterdir() if "partial" in path.name or "aside" in path.name]
        assert left == []


@pytest.fixture(scope="module")
def module_host() -> Iterator[Host]:
    with short_folder() as path:
        server = Supervisord(path)
        one = Host(server, workers=2)
        for release in ("r1", "r2"):
            one.build(release)
        try:
            server.start()
            one.change("switch", release="r1")
            yield one
        finally:
            server.stop()
            for name in ("releases", "venvs"):
                removal.remove_tree(path / name)


@pytest.fixture
def host(module_host: Host) -> Iterator[Host]:
    """The host under requests, of which none may fail, and with a worker ready at every moment."""
    address = ("127.0.0.1", module_host.port)
    with Visitors(address) as visitors, Ready(module_host.run_dir) as ready:
        yield module_host
        visitors.more()
    assert not visitors.failures
    assert ready.looks > 100
    assert ready.gaps == []


def other(release: str) -> str:
    return "r2" if release == "r1" else "r1"


def test_a_switch(host: Host) -> None:
    """What comes next changes from step to step: the same, the release before, a restart, a reconcile and the same."""
    for step in range(1, MOST):
        old = host.live()["release"]
        new = other(old)
        if not host.killed("switch", step, release=new):
            break
        named = live.read(host.home).release
        assert named in (old, new)
        host.change("status")
        wanted = (new, old, named, named)[step % 4]
        if step % 4 == 3:
            host.change("reconcile")
        elif step % 4 == 2:
            host.change("restart")
        else:
            host.change("switch", release=wanted)
        host.assert_whole(wanted)
    host.assert_whole(new)
    assert step > 20
    said = "\n".join(host.steps)
    for part in ("live.json", "addProcessGroup", "stopProcessGroup", "removeProcessGroup", "reloadConfig"):
        assert part in said


def test_a_rollback(host: Host) -> None:
    if not live.read(host.home).previous:
        host.change("switch", release="r2")
    for step in range(
        1, MOST, 3
    ):  # its steps are those of a switch; not the same ones are followed by the same command
        old = live.read(host.home)
        if not host.killed("rollback", step):
            break
        host.change("rollback", release=old.previous)
        host.assert_whole(old.previous)
    host.assert_whole(old.previous)
    assert step > 20


def test_a_restart(host: Host) -> None:
    release = host.live()["release"]
    for step in range(1, MOST):
        if not host.killed("restart", step):
            break
        host.change(("restart", "reconcile")[step % 2])
        host.assert_whole(release)
    host.assert_whole(release)
    assert step > 8
    assert sum("startProcess" in each for each in host.steps) == 2 * 2


def test_a_reconcile_after_a_switch_that_was_killed(host: Host) -> None:
    """A reconcile with something to do: the switch was killed as soon as it had named the new generation live."""
    host.killed("switch", MOST, release=other(host.live()["release"]))
    named = 1 + next(i for i, each in enumerate(host.steps) if "os.rename" in each and "live.json" in each)
    for step in range(1, MOST):
        new = other(host.live()["release"])
        assert host.killed("switch", named + 1, release=new)
        assert host.live()["release"] == new
        if not host.killed("reconcile", step):
            break
        host.change("reconcile")
        host.assert_whole(new)
    host.assert_whole(new)
    assert step > 5
    assert "removeProcessGroup" in "\n".join(host.steps)


def test_a_prune_and_a_restore(host: Host) -> None:
    """Old releases that are half removed are no releases, and go the next time."""
    known = {"r1", "r2"}
    if live.read(host.home).previous not in known:
        host.change("switch", release="r2")
    for name, more in (
        ("prune", {"keep": 2}),
        ("releases.restore", {"previous": "", "known_releases": sorted(known)}),
    ):
        for step in range(1, MOST):
            host.build("r3")
            if not host.killed(name, step, **more):
                break
            assert live.read(host.home).release in known
            host.change("releases")
            host.change(name, **more)
            assert {path.name for path in (host.home / "releases").iterdir()} == known
            host.change("verify")
        assert step > 8
    host.assert_whole(host.live()["release"])


def test_a_release_that_is_placed(host: Host) -> None:
    """It is whole or it is not there; the same command makes it again."""
    release = host.live()["release"]
    content = {
        path.name: path.read_text()
        for path in host.release_folder(release).glob("*")
        if path.suffix == ".conf" or path.name == "release.json"
    }
    content["release.json"] = json.dumps({**json.loads(content["release.json"]), "sealed": True})
    entries: list[dict[str, Any]] = [{"path": ".", "folder": True, "mode": "0755"}]
    entries += [{"path": name, "content": text, "mode": "0644"} for name, text in sorted(content.items())]
    folder = host.release_folder("r4")
    for step in range(1, MOST):
        if not host.killed("release.place", step, release="r4", entries=entries):
            break
        host.change("releases")
        if not integrity.is_complete(folder):
            host.change("release.place", release="r4", entries=entries)
        assert integrity.is_complete(folder)
        assert integrity.problems_of_tree(folder) == []
        assert not [path for path in folder.rglob("*") if "partial" in path.name]
        removal.remove_tree(folder)
    removal.remove_tree(folder)
    assert step > 10


def test_the_lock_of_a_run(host: Host) -> None:
    """The record of a run that was killed while it wrote keeps nobody out for ever."""
    path = str(host.home / "lock")
    with subprocess.Popen(["sleep", "60"]) as process:
        record = lock.record(process.pid)
        arguments = {"path": path, "holder": record}
        for step in range(1, MOST):
            if not host.killed("lock.take", step, **arguments):
                break
            host.change("lock.take", **arguments)
            assert json.loads(Path(path).read_text())["run"] == record["run"]
        assert step > 2
        for step in range(1, MOST):
            if not host.killed("lock.release", step, path=path, run=record["run"]):
                break
            host.change("lock.take", **arguments)
        assert step > 1
        host.change("lock.take", **arguments)
        process.kill()
    host.change("reconcile")  # of nobody's run: the kernel tells that the other has ended
    assert Path(path).read_bytes() == b""


@pytest.mark.parametrize(("kinds", "least"), [("rpc", 6), ("files", 20)])
def test_a_removal(kinds: str, least: int) -> None:
    """It drains first, and removes files then: where the steps are files nothing runs, which saves a deploy for each."""
    with short_folder() as path:
        server = Supervisord(path)
        one = Host(server)
        server.start()
        try:
            for step in range(1, MOST):
                one.build("r1")
                for name in ("run", "log"):
                    (path / name).mkdir(exist_ok=True)
                if kinds == "rpc":
                    one.change("switch", release="r1")
                else:
                    (path / "live.json").write_text("{}")
                    (path / "conf.d/api-blue.conf.partial").touch()
                if not one.killed("instance.remove", step, kinds, drain_timeout=10.0):
                    break
                one.change("instance.remove", drain_timeout=10.0)
                assert one.states() == {}
                assert list((path / "conf.d").iterdir()) == []
                assert [each for each in OWN_NAMES if (path / each).exists()] == []
            assert step > least
            assert one.states() == {}
            assert list((path / "conf.d").iterdir()) == []
        finally:
            server.stop()
            for name in ("releases", "venvs"):
                removal.remove_tree(path / name)
