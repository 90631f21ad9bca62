"""`mooring.host` on real supervisord and real workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from mooring import status_socket
from support.instance import Instance
from support.ports import free_port
from support.processes import alive
from support.supervisord import Supervisord
from support.visitors import Visitors, listening
from support.waiting import until


@pytest.fixture
def instance(supervisord: Supervisord) -> Instance:
    """An instance whose blue colour has two workers, about to be ready."""
    one = Instance(supervisord)
    one.colour("blue")
    supervisord.start()
    return one


# update


def test_update_touches_only_the_groups_that_are_named(instance: Instance) -> None:
    blue = instance.server.pids("api-blue")
    instance.server.program("second-blue", f"tcp://127.0.0.1:{free_port()}")
    instance.colour("green", workers=1)
    done = instance.control_json("update", "api-green", "api-blue")
    assert done.pop("marks")
    assert done == {"changed": True, "added": ["api-green"], "removed": [], "replaced": []}
    assert instance.server.pids("api-blue") == blue
    assert not instance.server.pids("second-blue"), "it is in the configuration, and was not named"
    assert not instance.control_json("update", "api-green", "api-blue")["changed"]

    instance.colour("green", workers=2)
    instance.server.remove_program("api-blue")
    done = instance.control_json("update", "api-green", "api-blue")
    assert done.pop("marks")
    assert done == {"changed": True, "added": [], "removed": ["api-blue"], "replaced": ["api-green"]}
    assert len(instance.server.pids("api-green")) == 2
    assert not any(alive(pid) for pid in blue)
    assert not instance.control_json("update", "api-blue")["changed"], "gone is gone"


def test_a_removed_colour_loses_nobody(instance: Instance) -> None:
    instance.gate("blue")
    with Visitors(("127.0.0.1", instance.port)) as visitors:
        instance.colour("green")
        instance.control("update", "api-green")
        instance.gate("green")
        instance.server.remove_program("api-blue")
        instance.control("update", "api-blue")
        visitors.more()
    assert not visitors.failures


def test_a_wrong_configuration_changes_nothing(instance: Instance) -> None:
    blue = instance.server.pids("api-blue")
    instance.server.remove_program("api-blue")
    instance.server.program("broken", "tcp://nonsense")
    says = instance.control("update", "api-blue", "broken", status=1).stderr
    assert "the configuration is wrong, nothing is changed" in says
    assert "broken" in says
    assert instance.server.pids("api-blue") == blue


def test_a_taken_port_is_refused_before_anything_is_stopped(instance: Instance) -> None:
    blue, old = instance.server.pids("api-blue"), instance.url
    instance.port = free_port()
    instance.colour("blue")
    with listening(instance.port):
        says = instance.control("update", "api-blue", status=1).stderr
    assert f"nothing is changed: group api-blue: port {instance.port} " in says
    assert f"taken by process {os.getpid()} (" in says
    assert instance.server.pids("api-blue") == blue
    assert list(instance.server.sockets()) == [old]


def test_a_replaced_bootstrap_keeps_the_port(instance: Instance) -> None:
    instance.server.program("api-bootstrap", instance.url)
    instance.control("update", "api-bootstrap")
    instance.gate("blue")
    with Visitors(("127.0.0.1", instance.port)) as visitors:
        instance.server.program("api-bootstrap", instance.url, priority=5)
        assert instance.control_json("update", "api-bootstrap")["replaced"] == ["api-bootstrap"]
        visitors.more()
    assert not visitors.failures


# gate


def test_the_gate_opens_for_n_of_n(instance: Instance) -> None:
    says = instance.gate("blue")
    pids = instance.server.pids("api-blue")
    assert sorted(says.splitlines()) == [f"api-blue:{n} is ready (pid {pid})" for n, pid in enumerate(pids)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"release": "r2"}, "runs release r1, not r2: was its program file put in place"),
        ({"workers": 3}, "api-blue has 2 workers, not 3: run update api-blue"),
    ],
)
def test_the_gate_refuses_what_is_not_expected(
    instance: Instance, words: dict[str, object], says: str
) -> None:
    assert says in instance.gate("blue", status=1, **words)  # type: ignore[arg-type]


def test_the_gate_refuses_a_group_that_is_not_there(instance: Instance) -> None:
    assert "supervisord knows no group api-green" in instance.gate("green", status=1)


@pytest.mark.parametrize(
    ("app", "says"),
    [
        ("applications:answers_500", "was answered 'HTTP/1.1 500"),
        ("no_such_module:app", "no_such_module"),
    ],
)
def test_the_gate_refuses_at_once_and_shows_the_last_words(instance: Instance, app: str, says: str) -> None:
    instance.colour("green", app=app)
    instance.control("update", "api-green")
    refusal = instance.gate("green", "--timeout", "600", status=1)
    assert says in refusal
    assert "last words of api-green:" in refusal
    assert instance.control_json("status", "--instance", "api")["colours"]["blue"]


def test_the_gate_shows_where_a_worker_hangs(instance: Instance) -> None:
    instance.colour("green", workers=1, app="applications:hangs")
    instance.control("update", "api-green")
    refusal = instance.gate("green", "--timeout", "10", workers=1, status=1)
    assert "0 of 1 workers of api-green have become ready within 10 s" in refusal
    assert "applications.py" in refusal
    assert "in hangs" in refusal


def test_the_gate_says_so_when_a_worker_gives_no_stack(instance: Instance) -> None:
    instance.gate("blue")
    stopped = instance.server.pids("api-blue")[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        refusal = instance.gate("blue", "--timeout", "1", status=1)
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert "1 of 2 workers of api-blue have become ready within 1 s" in refusal
    assert "it is stopped, as by SIGSTOP, and can give no stack" in refusal


# status, and the rest


def test_status(instance: Instance) -> None:
    instance.gate("blue")
    found = instance.control_json("status", "--instance", "api")
    pids = instance.server.pids("api-blue")
    assert [each["url"] for each in found["sockets"]] == [instance.url]
    assert found["bootstrap"] is None
    assert {colour: [w["pid"] for w in ws] for colour, ws in found["colours"].items()} == {"blue": pids}
    assert {(w["ready"], w["release"], w["supervisord"]) for w in found["colours"]["blue"]} == {
        (True, "r1", "RUNNING")
    }
    assert found["companions"] == []
    nothing = instance.control_json("status", "--instance", "other")
    assert (nothing["sockets"], nothing["colours"]) == ([], {})


def test_wait_process(instance: Instance) -> None:
    done = instance.control_json("wait-process", "api-blue:1")
    assert done == {"name": "api-blue:1", "pid": instance.server.pids("api-blue")[1]}
    says = instance.control("wait-process", "api-green:0", status=1).stderr
    assert "supervisord knows no process api-green:0" in says


def test_wait_server(supervisord: Supervisord) -> None:
    instance = Instance(supervisord)
    says = instance.control("wait-server", "--timeout", "0.2", status=1).stderr
    assert "waited 0.2 s in vain: no supervisord at unix:///" in says
    supervisord.start()
    assert instance.control_json("wait-server") == {"pid": supervisord.pid}


def test_check_file(supervisord: Supervisord) -> None:
    instance = Instance(supervisord)
    instance.colour("blue", workers=3)
    path = supervisord.folder / "conf.d" / "api-blue.conf"
    whole = supervisord.folder / "supervisord.conf"
    found = instance.control_json("check-file", str(path), str(whole))["groups"]
    assert found[str(path)] == {"api-blue": 3}
    assert set(found) == {str(path), str(whole)}
    path.write_text(path.read_text().replace("tcp://127.0.0.1", "tcp://[::1]"))
    assert instance.control_json("check-file", str(path))["groups"] == {str(path): {"api-blue": 3}}
    path.write_text(path.read_text().replace("numprocs = 3", "numprocs = many"))
    says = instance.control("check-file", str(path), status=1).stderr
    assert "many" in says
    assert str(path) in says


def test_the_command_itself(instance: Instance) -> None:
    """For people: text on stdout, the reason of a refusal on stderr."""
    instance.gate("blue")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mooring.host.control", "--server", instance.server.url, *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=instance.server.environ
        )

    done = run("--run-dir", str(instance.run_dir), "status", "--instance", "api")
    assert (done.returncode, done.stderr) == (0, "")
    first, *workers = done.stdout.splitlines()
    assert first == f"api  {instance.url}  (bound by supervisord; api-blue)"
    assert [line.split()[:5] for line in workers] == [
        [f"api-blue:{n}", "RUNNING", "pid", str(pid), "ready"]
        for n, pid in enumerate(instance.server.pids("api-blue"))
    ]
    done = run("status", "--instance", "api")
    assert (done.returncode, done.stderr) == (
        1,
        "--run-dir is missing: the instance's folder of status sockets\n",
    )
    done = run("gate", "--colour", "red")
    assert done.returncode == 2
    assert "usage: mooring.host.control gate" in done.stderr
    assert "wait until N of N workers" in run("gate", "--help").stdout


# what a deploy whose controller has died leaves behind


def test_an_update_waits_for_the_command_that_is_still_at_work(instance: Instance) -> None:
    """Without that, the first would stop what the second has just started in the group that it removes."""
    instance.gate("blue")
    before = instance.server.pids("api-blue")
    with socket.create_connection(("127.0.0.1", instance.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n12")
        until(lambda: sum(_open(instance)) == 1, "a worker has the connection")
        instance.server.remove_program("api-blue")
        first = _background(instance, "update", "api-blue")
        until(lambda: sum(alive(pid) for pid in before) == 1, "the worker that is idle has ended")
        instance.colour("blue")
        second = _background(instance, "update", "api-blue")
        assert second.stderr
        assert "waiting for the end of another command" in second.stderr.readline()
        client.sendall(b"34")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    for process in (first, second):
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    instance.gate("blue")
    assert not set(before) & set(instance.server.pids("api-blue"))


def _open(instance: Instance) -> list[int]:
    return [status_socket.ask(instance.status_socket(f"blue-{n}"), "stats", 10)["open"] for n in (0, 1)]


def _background(instance: Instance, *words: str) -> subprocess.Popen[str]:
    options = ["--json", "--server", instance.server.url, "--run-dir", str(instance.run_dir)]
    return subprocess.Popen(
        [sys.executable, "-m", "mooring.host.control", *options, *words],
        env=instance.server.environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
