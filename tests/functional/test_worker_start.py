"""How a worker starts, what it tells of itself, and when it refuses to serve."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mooring import status_socket
from support.places import SOURCES
from support.processes import open_files, turns
from support.waiting import DEADLINE, until
from support.worker import APPS, Worker, worker


def ends(one: Worker, **popen: Any) -> tuple[int, str]:
    """Start it, expect its end, return status and last words."""
    one.start(ready=False, **popen)
    return one.wait(), one.words()


def says_ready(path: Path) -> bool:
    """Tell whether a worker answers there, and is ready. Its file comes a moment before it listens."""
    try:
        return bool(status_socket.ask(path, "ready", DEADLINE)["ready"])
    except status_socket.NoAnswerError:
        return False


def test_it_serves_and_tells_who_it_is(make: Any) -> None:
    one = make("worker_apps:make_echo()", colour="green", number=3, release="r1", framework="django").start()
    with one.client() as client:
        assert client.ask().body == b"GET / "
    told = status_socket.ask(one.status_socket, "ready", DEADLINE)
    assert told == {
        "ready": True,
        "state": "ready",
        "pid": one.process.pid,
        "instance": "test",
        "colour": "green",
        "number": 3,
        "release": "r1",
        "framework": "django",
    }
    title = Path(f"/proc/{one.process.pid}/cmdline").read_bytes().rstrip(b"\0 ")
    assert title == b"mooring: test green 3 (django)"


def test_stats_count(make: Any) -> None:
    one = make().start()
    before = one.stats()
    assert before["requests"] == before["accepted"] == before["open"] == 0  # the smoke request is not counted
    assert before["resident_bytes"] > 10 << 20
    with one.client() as client:
        client.ask()
        client.ask()
        during = one.stats()
        assert (during["requests"], during["accepted"], during["open"]) == (2, 1, 1)
    until(lambda: one.stats()["open"] == 0, "the connection is counted as closed")


def test_the_status_socket_is_its_users_alone_and_replaces_a_stale_one(make: Any) -> None:
    one = make()
    one.status_socket.write_text("what a dead worker left")
    one.start()
    assert one.status_socket.stat().st_mode & 0o777 == 0o600
    one.terminate()
    assert one.wait() == 0
    assert not one.status_socket.exists()


def test_an_unknown_word_is_answered_with_those_that_are_known(make: Any) -> None:
    answer = status_socket.ask(make().start().status_socket, "reboot", DEADLINE)
    assert answer == {"error": "unknown word 'reboot'; known: drain, ready, stats"}


def test_the_status_socket_tolerates_clients_that_say_nothing(make: Any) -> None:
    one = make().start()
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as gone:
        silent.connect(str(one.status_socket))
        gone.connect(str(one.status_socket))
        gone.send(b"ready\n")
        gone.close()
        assert one.is_ready()


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("no_such_module:app", "MOORING_APP: importing no_such_module failed: ModuleNotFoundError"),
        ("worker_apps:no_such", "MOORING_APP: worker_apps has no no_such"),
        (
            "worker_apps:make_failing()",
            "MOORING_APP: worker_apps:make_failing() failed: RuntimeError: no such",
        ),
        ("worker_apps:not_callable", "MOORING_APP: worker_apps:not_callable is int, not callable"),
        (
            "worker_apps:always_503",
            "the smoke request GET / was answered 'HTTP/1.1 503 Service Unavailable', expected 200"
            " (MOORING_SMOKE_PATH, MOORING_SMOKE_STATUS); its body starts 'the database\\nis away'",
        ),
        ("worker_apps:make_echo", "the smoke request GET / was answered 'HTTP/1.1 500 Internal"),
    ],
)
def test_a_broken_application_is_refused_with_the_reason(make: Any, app: str, told: str) -> None:
    one = make(app)
    status, words = ends(one)
    assert status == 1
    assert words.splitlines()[-1].startswith("mooring worker: " + told)
    assert not one.status_socket.exists()
    one.listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        one.listener.accept()


def test_an_import_error_comes_with_its_traceback(make: Any) -> None:
    _, words = ends(make("worker_apps:make_failing()"))
    assert 'raise RuntimeError("no such database")' in words


def test_an_application_that_does_not_answer_is_starting_and_then_refused(make: Any) -> None:
    one = make("worker_apps:never_answers", smoke_timeout=2)
    one.start(ready=False)
    until(one.status_socket.exists, "the status socket")
    assert status_socket.ask(one.status_socket, "ready", DEADLINE)["state"] == "starting"
    assert one.wait() == 1
    assert "was not answered within 2 s (MOORING_SMOKE_TIMEOUT)" in one.words()


def test_the_smoke_request_is_as_the_settings_say(make: Any) -> None:
    one = make(
        "worker_apps:site", smoke_path="/no_content?x=1", smoke_status=204, smoke_host="api.example:8"
    ).start()
    assert one.stats()["errors"] == 0


@pytest.mark.parametrize("what", ["closed", "file", "not_listening"])
def test_descriptor_0_must_be_a_listening_socket(make: Any, what: str) -> None:
    one = make()
    if what == "closed":
        command = ["sh", "-c", f"exec {sys.executable} -m mooring.worker 0<&-"]
        environ = {
            **os.environ,
            "PYTHONPATH": SOURCES,
            "MOORING_INSTANCE": "a",
            "MOORING_RUN_DIR": "/r",
            "MOORING_APP": "a:b",
        }
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        status, words = done.returncode, done.stderr
    else:
        with socket.socket() as plain, Path("/dev/null").open() as file:
            status, words = ends(one, stdin=plain if what == "not_listening" else file)
    assert status == 2
    assert words.startswith("mooring worker: file descriptor 0 is")
    assert "was this worker started outside of supervisord" in words


def test_wrong_settings_are_all_told(make: Any) -> None:
    status, words = ends(make(colour="red", max_body="many"))
    assert status == 2
    assert [line.split()[2] for line in words.splitlines()] == ["MOORING_COLOUR", "MOORING_MAX_BODY"]


def test_a_run_directory_that_is_not_there_is_told(make: Any) -> None:
    status, words = ends(make(run_dir="/no/such/directory"))
    assert status == 2
    assert "MOORING_RUN_DIR: cannot listen on /no/such/directory/test-blue-0.sock: No such file" in words


def test_a_slip_in_a_name_is_told_and_does_not_stop_it(make: Any) -> None:
    one = make(drain_timout=5).start()
    assert "MOORING_DRAIN_TIMOUT is read by nobody; did you mean MOORING_DRAIN_TIMEOUT?" in one.words()


def test_usr1_shows_where_it_is(make: Any) -> None:
    one = make("worker_apps:never_answers", smoke_timeout=3600)
    one.start(ready=False)
    until(one.status_socket.exists, "the status socket")
    one.process.send_signal(signal.SIGUSR1)
    until(lambda: "most recent call first" in one.words(), "the stack")
    until(lambda: status_socket.END_OF_STACKS in one.words(), "the stacks of green threads")
    assert one.process.poll() is None


def test_usr1_shows_what_waits_for_others(make: Any, tmp_path: Path) -> None:
    """Also an import that waits: faulthandler alone would show Eventlet's hub."""
    reached = tmp_path / "reached"
    (tmp_path / "waits.py").write_text(
        f"import pathlib, threading\npathlib.Path({str(reached)!r}).touch()\nthreading.Event().wait()\n"
    )
    one = make("waits:application")
    one.start(ready=False, env={"PYTHONPATH": f"{SOURCES}:{tmp_path}"})
    until(reached.exists, "it imports")
    one.process.send_signal(signal.SIGUSR1)
    until(lambda: status_socket.END_OF_STACKS in one.words(), "the stacks of green threads")
    assert f'File "{tmp_path}/waits.py", line ' in one.words()


def test_a_drain_that_is_asked_for_before_it_is_ready(make: Any) -> None:
    one = make("worker_apps:answers_late", smoke_timeout=3600)
    one.start(ready=False)
    until(one.status_socket.exists, "the status socket")
    assert status_socket.ask(one.status_socket, "drain", DEADLINE)["state"] == "draining"
    assert one.wait() == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_ends_at_once(make: Any, signum: signal.Signals) -> None:
    one = make().start()
    one.process.send_signal(signum)
    assert one.wait() == 0
    assert f'"event": "drain", "why": "{signum.name}"' in one.words()


def test_it_ends_with_its_parent(make: Any) -> None:
    """PR_SET_PDEATHSIG: a killed supervisord leaves no worker."""
    one = make()
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'mooring.worker'], stdin=0)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(3600)\n"
    )
    environ = {**os.environ, "PYTHONPATH": f"{SOURCES}:{APPS}"}
    environ |= {f"MOORING_{name.upper()}": str(value) for name, value in one.settings.items()}
    supervisor = subprocess.Popen(
        [sys.executable, "-c", parent], stdin=one.listener, stdout=subprocess.PIPE, env=environ
    )
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    until(lambda: says_ready(one.status_socket), "ready")
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), "the worker ends as well")


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_hub_is_epoll_whatever_the_environment_says(make: Any) -> None:
    one = make().start(env={"EVENTLET_HUB": "selects"})
    assert "anon_inode:[eventpoll]" in open_files(one.process.pid).values()


def test_an_idle_worker_costs_nothing() -> None:
    """It sleeps in epoll: there is a second without clients in which it is not run even once."""
    with worker() as one:
        with one.client() as client:
            client.ask()
        status = Path(f"/proc/{one.process.pid}/status")

        def switches() -> int:
            lines = status.read_text().splitlines()
            return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)

        def still() -> bool:
            before = switches()
            select.select([], [], [], 1)
            return switches() == before

        until(still, "a second in which the worker is not run")


def test_a_status_socket_that_somebody_has_removed_comes_again(make: Any) -> None:
    one = make().start()
    one.status_socket.unlink()
    until(lambda: says_ready(one.status_socket), "ready")
    assert one.status_socket.stat().st_mode & 0o777 == 0o600
    one.terminate()
    assert one.wait() == 0
    assert not one.status_socket.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_run_folder_that_is_taken_away_takes_no_socket_for_good(make: Any) -> None:
    """A careless chown, or chmod. A worker that ends meanwhile ends as it should."""
    one, other = make().start(), make().start()
    before = turns(one.process.pid)
    one.status_socket.parent.chmod(0)
    other.status_socket.parent.chmod(0)
    try:
        until(lambda: turns(one.process.pid) > before + 1, "it has looked")
        other.terminate()
        assert other.wait() == 0
    finally:
        one.status_socket.parent.chmod(0o700)
        other.status_socket.parent.chmod(0o700)
    one.status_socket.unlink()
    until(one.status_socket.exists, "the status socket")
    assert status_socket.ask(one.status_socket, "ready", DEADLINE)["ready"]
