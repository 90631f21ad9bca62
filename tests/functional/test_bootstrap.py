"""The bootstrap: what it checks, what it answers, how it ends. Real supervisord, real workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mooring import status_socket
from support.instance import APPLICATIONS, Instance, refusal
from support.places import SOURCES
from support.ports import free_port
from support.processes import alive, socket_inode, turns
from support.supervisord import Supervisord
from support.visitors import Visitors, ask, listening
from support.waiting import DEADLINE, until


@pytest.fixture(scope="module")
def running(module_supervisord: Supervisord) -> Instance:
    """An instance with a bootstrap and two workers."""
    one = Instance(module_supervisord)
    one.bootstrap()
    one.colour("blue")
    module_supervisord.start()
    return one


@pytest.fixture
def instance(running: Instance) -> Instance:
    """The instance, when all of it is ready."""
    running.wait_process("api-bootstrap")
    running.gate("blue")
    return running


def test_it_answers_for_the_instance(instance: Instance) -> None:
    path, pid = instance.status_socket("bootstrap"), instance.server.pids("api-bootstrap")[0]
    ready = status_socket.ask(path, "ready", 10)
    assert ready == {
        "ready": True, "state": "ready", "pid": pid, "instance": "api", "release": "r1", "framework": "wsgi",
    }  # fmt: skip
    stats = status_socket.ask(path, "stats", 10)
    assert [(w["number"], w["pid"], w["ready"]) for w in stats["workers"]] == [
        (number, pid, True) for number, pid in enumerate(instance.server.pids("api-blue"))
    ]
    assert "unknown word 'nonsense'" in status_socket.ask(path, "nonsense", 10)["error"]
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert Path(f"/proc/{pid}/cmdline").read_text().startswith("mooring: api bootstrap")


def test_it_holds_the_socket_and_accepts_nobody(instance: Instance) -> None:
    pid = instance.server.pids("api-bootstrap")[0]
    assert socket_inode(pid) == instance.server.sockets()[instance.url]["inode"]
    instance.server.ctl("stop", "api-blue:*")
    with socket.create_connection(("127.0.0.1", instance.port)) as client:
        client.sendall(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
        status_socket.ask(instance.status_socket("bootstrap"), "stats", 10)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        instance.server.ctl("start", "api-blue:*")
        client.settimeout(DEADLINE)
        assert client.recv(100).startswith(b"HTTP/1.")


def test_a_stopped_worker_does_not_stop_its_answers(instance: Instance) -> None:
    stopped = instance.server.pids("api-blue")[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        workers = status_socket.ask(instance.status_socket("bootstrap"), "stats", 10)["workers"]
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert [worker["ready"] for worker in workers] == [False, True]
    assert workers[0]["error"] == "no answer within 2 s"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_on_a_signal_and_leaves_nothing(instance: Instance, signum: signal.Signals) -> None:
    pid = instance.server.pids("api-bootstrap")[0]
    with Visitors(("127.0.0.1", instance.port)) as visitors:
        os.kill(pid, signum)
        until(lambda: not alive(pid), "it ends")
        visitors.more()
    assert not visitors.failures


def test_a_killed_one_is_replaced_and_watches_on(instance: Instance) -> None:
    before, blue = instance.server.pids("api-bootstrap")[0], instance.server.pids("api-blue")
    with Visitors(("127.0.0.1", instance.port)) as visitors:
        os.kill(before, signal.SIGKILL)
        until(lambda: before not in instance.server.pids("api-bootstrap"), "supervisord sees it")
        instance.wait_process("api-bootstrap")
        visitors.more()
    assert not visitors.failures
    assert instance.server.pids("api-blue") == blue
    assert status_socket.ask(instance.status_socket("bootstrap"), "stats", 10)["workers"]


def test_it_ends_with_supervisord(instance: Instance) -> None:
    pids = instance.server.pids("api-bootstrap") + instance.server.pids("api-blue")
    instance.server.kill()
    until(lambda: not any(alive(pid) for pid in pids), "nothing is left")
    instance.server.start()  # at once, since no orphan holds the port
    instance.gate("blue")
    assert ask(("127.0.0.1", instance.port))


def test_the_hard_limit_decides_how_many_files_are_enough(supervisord: Supervisord) -> None:
    """The soft limit of an ordinary login, 1024, is no obstacle: each worker raises its own."""
    one = Instance(supervisord)
    one.bootstrap(max_connections=1000)
    one.colour("blue", workers=1, max_connections=1000)
    supervisord.minfds = 100
    supervisord.configure()
    supervisord.start(limits=(300, 1063))
    said = refusal(one.wait_process, "api-bootstrap")
    assert "MOORING_MAX_CONNECTIONS is 1000, which needs 1064 open files, but 1063 are allowed" in said
    assert "(ulimit -Hn)" in said
    supervisord.stop()
    supervisord.start(limits=(300, 1064))
    one.wait_process("api-bootstrap")
    one.gate("blue", workers=1)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"app": "no_such_module:app"},
            "MOORING_APP=no_such_module:app cannot be loaded: importing no_such_module",
        ),
        ({"app": "applications:absent"}, "applications has no absent"),
        ({"app": "exits_at_import:app"}, "cannot be loaded: it ended the process with status 3"),
        ({"app": "dies_at_import:app"}, "cannot be loaded: it died of SIGSEGV"),
        (
            {"app": "hangs_at_import:app", "import_timeout": 1},
            "not ended within 1 s (MOORING_IMPORT_TIMEOUT), and is at",
        ),
        ({"app": "hangs_at_import:app", "import_timeout": 1}, 'hangs_at_import.py", line 6 in <module>'),
        ({"run_dir": "/nonexistent"}, "MOORING_RUN_DIR: no file can be made in /nonexistent"),
        ({"number": "many"}, "MOORING_NUMBER is 'many'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    supervisord: Supervisord, settings: dict[str, object], says: str
) -> None:
    """As a switch waits for it, and as the user of a deploy sees it."""
    instance = Instance(supervisord)
    instance.bootstrap(**settings)
    supervisord.start()
    said = refusal(instance.wait_process, "api-bootstrap")
    assert says in said
    log = (supervisord.folder / "log" / "api-bootstrap-0.err").read_text().splitlines()
    assert log
    assert all(line.startswith("mooring bootstrap: ") for line in log)


def run_by_hand(fd: int | None, **settings: object) -> subprocess.Popen[str]:
    """Run a bootstrap outside of supervisord, with that descriptor as its standard input."""
    values = {"instance": "api", "run_dir": "/tmp", "app": "applications:good", **settings}
    environ = {f"MOORING_{name.upper()}": str(value) for name, value in values.items()}
    path = f"{SOURCES}:{APPLICATIONS.parent}"
    return subprocess.Popen(
        [sys.executable, "-m", "mooring.bootstrap"],
        stdin=fd,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ, "PYTHONPATH": path},
    )


def test_descriptor_0_must_listen(folder: Path) -> None:
    with socket.socket() as unbound, (folder / "file").open("w") as file:
        for wrong, says in ((unbound, "a socket that does not listen"), (file, "not a socket")):
            with run_by_hand(wrong.fileno()) as process:
                _, errors = process.communicate(timeout=DEADLINE)
            assert process.returncode == 1
            assert f"file descriptor 0 is {says}: supervisord's [fcgi-program] gives one" in errors


def test_sigterm_while_it_checks_ends_it_and_its_trial(folder: Path) -> None:
    with listening(free_port()) as held:
        process = run_by_hand(held.fileno(), app="hangs_at_import:app", run_dir=folder)
        child = until(lambda: _children(process.pid), "the trial runs")[0]
        until(lambda: b"hangs_at_import" in Path(f"/proc/{child}/cmdline").read_bytes(), "the trial runs")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE)
        assert process.returncode == -signal.SIGTERM
        until(lambda: not alive(child), "the trial ends with it")


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_status_socket_that_somebody_has_removed_comes_again(instance: Instance) -> None:
    path, pid = instance.status_socket("bootstrap"), instance.server.pids("api-bootstrap")[0]
    path.unlink()
    until(path.exists, "the status socket")
    assert status_socket.ask(path, "ready", 10)["pid"] == pid
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_run_folder_that_is_taken_away_ends_no_bootstrap(instance: Instance) -> None:
    """A careless chown, or chmod; when it is given back, the socket comes again."""
    path, pid = instance.status_socket("bootstrap"), instance.server.pids("api-bootstrap")[0]
    before = turns(pid)
    instance.run_dir.chmod(0)
    try:
        until(lambda: turns(pid) > before + 20, "it has looked")
    finally:
        instance.run_dir.chmod(0o700)
    path.unlink()
    until(path.exists, "the status socket")
    assert status_socket.ask(path, "ready", 10)["pid"] == pid
