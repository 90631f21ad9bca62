"""An attacker in the application owns run/, log/ and the control socket: root reads, waits and signals there as if he were."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.clients import served
from support.intruder import Host

SECRET = "of root alone"
DEADLINE = 120


class Attacked:
    """A worker that is stopped, and what root's commands say of it."""

    def __init__(self, host: Host) -> None:
        self.host, self.supervisor = host, host.site.root / "supervisor"
        workers = self.status()["colours"]
        self.name = next(iter(workers.values()))[0]["name"]
        self.log = host.site.home / f"log/{self.name.replace(':', '-')}.err.log"
        assert self.log.is_file()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of mooringctl as root."""
        return subprocess.run(
            [self.supervisor / "venv/bin/mooringctl", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )

    def status(self) -> Any:
        done = self.run("--json", "status")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def supervisorctl(self, *words: str) -> None:
        program = self.supervisor / "venv/bin/supervisorctl"
        subprocess.run(
            [program, "-c", self.supervisor / "supervisord.conf", *words], check=True, timeout=DEADLINE
        )

    def last_words(self) -> str:
        done = self.run("verify", "--timeout", "10")
        assert done.returncode == 1
        return done.stderr


@pytest.fixture(scope="module")
def attacked(host: Host) -> Iterator[Attacked]:
    one = Attacked(host)
    one.supervisorctl("stop", one.name)
    kept = one.log.with_suffix(".kept")
    one.log.rename(kept)
    yield one
    kept.rename(one.log)
    one.supervisorctl("start", one.name)
    done = one.run("verify", "--timeout", "60")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(SECRET)
    return tmp_path / "secret"


@pytest.mark.parametrize("plant", ["symlink", "hard link", "fifo", "escapes"])
def test_root_reads_no_file_of_its_own_for_the_service_user_and_waits_for_no_fifo(
    attacked: Attacked, secret: Path, plant: str
) -> None:
    log, user = attacked.log, attacked.host.user
    beside = attacked.host.site.root / "secret"  # of the same file system
    beside.write_text(SECRET)
    beside.chmod(0o600)
    if plant == "symlink":
        log.symlink_to(beside)
    elif plant == "hard link":
        log.hardlink_to(beside)
    elif plant == "fifo":
        os.mkfifo(log)
    else:
        log.write_text("\x1b[2J\x9b31m\u202eforged\n")
    if plant != "hard link":
        os.lchown(log, user.pw_uid, user.pw_gid)
    try:
        said = attacked.last_words()
    finally:
        log.unlink()
        beside.unlink()
    assert SECRET not in said
    if plant == "escapes":
        assert r"  \x1b[2J\x9b31m\u202eforged" in said.splitlines()
    else:
        assert f"its log can't be read: {log}: it " in said


@contextmanager
def listening(path: Path, answer: bytes) -> Iterator[list[bytes]]:
    """Listen as root; yield what has been received."""
    received: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve(client: socket.socket) -> None:
            received.append(client.recv(4096))
            client.sendall(answer)

        with served(listener, serve):
            yield received


def test_root_says_nothing_to_another_socket_that_a_link_leads_to(attacked: Attacked, tmp_path: Path) -> None:
    """To a container engine's, which takes orders of root alone."""
    run, user = attacked.host.site.home / "run", attacked.host.user
    workers = attacked.status()["colours"]
    name = next(worker["name"] for colour in workers.values() for worker in colour if worker["ready"])
    path = run / f"{name.replace(':', '-')}.sock"
    kept = path.with_suffix(".kept")
    with listening(tmp_path / "engine.sock", b'{"ready": true}\n') as received:
        path.rename(kept)
        try:
            path.symlink_to(tmp_path / "engine.sock")
            os.lchown(path, user.pw_uid, user.pw_gid)
            found = attacked.status()["colours"]
        finally:
            path.unlink()
            kept.rename(path)
    (told,) = (worker for colour in found.values() for worker in colour if worker["name"] == name)
    assert told["ready"] is False
    assert "it is a link, not a socket" in told["error"]
    assert received == []


@pytest.mark.parametrize("where", ["above", "root", "supervisor"])
def test_no_deploy_goes_to_where_the_service_user_can_replace_what_root_runs(host: Host, where: str) -> None:
    """By a folder on the way that is his, or that he can write: he would rename what lies in it, and put his own there."""
    site = host.site
    folder = {"above": site.root.parent, "root": site.root, "supervisor": site.root / "supervisor"}[where]
    before, live = folder.stat(), (site.home / "live.json").read_bytes()
    if where == "above":
        folder.chmod(0o777)
    else:
        os.chown(folder, host.user.pw_uid, -1)
    try:
        said = site.refused(app_environment={"GREETING": "changed"})
        assert f"what lies in {folder} on " in said
        assert f"chown root: {folder} && chmod go-w {folder}" in said
        assert "changed=0" in said
    finally:
        os.chown(folder, before.st_uid, before.st_gid)
        folder.chmod(before.st_mode & 0o7777)
    assert (site.home / "live.json").read_bytes() == live


def test_no_deploy_takes_a_python_that_the_service_user_can_replace(host: Host) -> None:
    site = host.site
    folder = site.root.parent / "pythons"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "python3").symlink_to("/usr/bin/python3")
    said = site.refused(target_python=str(folder / "python3"))
    assert f"{host.user.pw_name} can put another in its place: see the rights of {folder}" in said
    assert "changed=0" in said
