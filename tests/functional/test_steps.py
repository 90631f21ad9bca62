"""The steps that a switch is made of, each on a real supervisord and real workers: update, gate, status and checks."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from mooring.host import checkfile, status
from mooring.host.server import Server
from support.instance import Instance, refusal
from support.ports import free_port
from support.processes import alive
from support.supervisord import Supervisord
from support.visitors import Visitors, listening


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
    done = instance.update("api-green", "api-blue")
    assert done.pop("marks")
    assert done == {"changed": True, "added": ["api-green"], "removed": [], "replaced": []}
    assert instance.server.pids("api-blue") == blue
    assert not instance.server.pids("second-blue"), "it is in the configuration, and was not named"
    assert not instance.update("api-green", "api-blue")["changed"]

    instance.colour("green", workers=2)
    instance.server.remove_program("api-blue")
    done = instance.update("api-green", "api-blue")
    assert done.pop("marks")
    assert done == {"changed": True, "added": [], "removed": ["api-blue"], "replaced": ["api-green"]}
    assert len(instance.server.pids("api-green")) == 2
    assert not any(alive(pid) for pid in blue)
    assert not instance.update("api-blue")["changed"], "gone is gone"


def test_a_removed_colour_loses_nobody(instance: Instance) -> None:
    instance.gate("blue")
    with Visitors(("127.0.0.1", instance.port)) as visitors:
        instance.colour("green")
        instance.update("api-green")
        instance.gate("green")
        instance.server.remove_program("api-blue")
        instance.update("api-blue")
        visitors.more()
    assert not visitors.failures


def test_a_wrong_configuration_changes_nothing(instance: Instance) -> None:
    blue = instance.server.pids("api-blue")
    instance.server.remove_program("api-blue")
    instance.server.program("broken", "tcp://nonsense")
    says = refusal(instance.update, "api-blue", "broken")
    assert "the configuration is wrong, nothing is changed" in says
    assert "broken" in says
    assert instance.server.pids("api-blue") == blue


def test_a_taken_port_is_refused_before_anything_is_stopped(instance: Instance) -> None:
    blue, old = instance.server.pids("api-blue"), instance.url
    instance.port = free_port()
    instance.colour("blue")
    with listening(instance.port):
        says = refusal(instance.update, "api-blue")
    assert f"nothing is changed: group api-blue: port {instance.port} " in says
    assert f"taken by process {os.getpid()} (" in says
    assert instance.server.pids("api-blue") == blue
    assert list(instance.server.sockets()) == [old]


def test_a_replaced_bootstrap_keeps_the_port(instance: Instance) -> None:
    instance.server.program("api-bootstrap", instance.url)
    instance.update("api-bootstrap")
    instance.gate("blue")
    with Visitors(("127.0.0.1", instance.port)) as visitors:
        instance.server.program("api-bootstrap", instance.url, priority=5)
        assert instance.update("api-bootstrap")["replaced"] == ["api-bootstrap"]
        visitors.more()
    assert not visitors.failures


# gate


def test_the_gate_opens_for_n_of_n(instance: Instance) -> None:
    says = instance.gate("blue")
    pids = instance.server.pids("api-blue")
    assert sorted(says) == [f"api-blue:{n} is ready (pid {pid})" for n, pid in enumerate(pids)]


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
    assert says in refusal(instance.gate, "blue", **words)


def test_the_gate_refuses_a_group_that_is_not_there(instance: Instance) -> None:
    assert "supervisord knows no group api-green" in refusal(instance.gate, "green")


@pytest.mark.parametrize(
    ("app", "says"),
    [
        ("applications:answers_500", "was answered 'HTTP/1.1 500"),
        ("no_such_module:app", "no_such_module"),
    ],
)
def test_the_gate_refuses_at_once_and_shows_the_last_words(instance: Instance, app: str, says: str) -> None:
    instance.colour("green", app=app)
    instance.update("api-green")
    refused = refusal(instance.gate, "green", timeout=600)
    assert says in refused
    assert "last words of api-green:" in refused
    assert status.status(instance.host)["colours"]["blue"]


def test_the_gate_shows_where_a_worker_hangs(instance: Instance) -> None:
    instance.colour("green", workers=1, app="applications:hangs")
    instance.update("api-green")
    refused = refusal(instance.gate, "green", timeout=10, workers=1)
    assert "0 of 1 workers of api-green have become ready within 10 s" in refused
    assert "applications.py" in refused
    assert "in hangs" in refused


def test_the_gate_says_so_when_a_worker_gives_no_stack(instance: Instance) -> None:
    instance.gate("blue")
    stopped = instance.server.pids("api-blue")[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        refused = refusal(instance.gate, "blue", timeout=1)
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert "1 of 2 workers of api-blue have become ready within 1 s" in refused
    assert "it is stopped, as by SIGSTOP, and can give no stack" in refused


# status, and the rest


def test_status(instance: Instance) -> None:
    instance.gate("blue")
    found = status.status(instance.host)
    pids = instance.server.pids("api-blue")
    assert [each["url"] for each in found["sockets"]] == [instance.url]
    assert found["bootstrap"] is None
    assert {colour: [w["pid"] for w in ws] for colour, ws in found["colours"].items()} == {"blue": pids}
    assert {(w["ready"], w["release"], w["supervisord"]) for w in found["colours"]["blue"]} == {
        (True, "r1", "RUNNING")
    }
    assert found["companions"] == []
    nothing = status.status(replace(instance.host, name="other"))
    assert (nothing["sockets"], nothing["colours"]) == ([], {})


def test_wait_process(instance: Instance) -> None:
    done = instance.wait_process("api-blue:1")
    assert (done.full_name, done.pid) == ("api-blue:1", instance.server.pids("api-blue")[1])
    assert "supervisord knows no process api-green:0" in refusal(instance.wait_process, "api-green:0")


def test_wait_server(supervisord: Supervisord) -> None:
    server = Server(supervisord.url)
    assert "waited 0.2 s in vain: no supervisord at unix:///" in refusal(server.wait, 0.2)
    supervisord.start()
    assert server.wait(60) == supervisord.pid


def test_check_file(supervisord: Supervisord) -> None:
    instance = Instance(supervisord)
    instance.colour("blue", workers=3)
    path = supervisord.folder / "conf.d" / "api-blue.conf"
    whole = supervisord.folder / "supervisord.conf"
    assert checkfile.check_file(path) == {"api-blue": 3}
    assert checkfile.check_file(whole)["api-blue"] == 3
    path.write_text(path.read_text().replace("tcp://127.0.0.1", "tcp://[::1]"))
    assert checkfile.check_file(path) == {"api-blue": 3}
    path.write_text(path.read_text().replace("numprocs = 3", "numprocs = many"))
    says = refusal(checkfile.check_file, path)
    assert "many" in says
    assert str(path) in says


def test_status_as_text(instance: Instance) -> None:
    instance.gate("blue")
    first, *workers = status.as_text(status.status(instance.host)).splitlines()
    assert first == f"api  {instance.url}  (bound by supervisord; api-blue)"
    assert [line.split()[:5] for line in workers] == [
        [f"api-blue:{n}", "RUNNING", "pid", str(pid), "ready"]
        for n, pid in enumerate(instance.server.pids("api-blue"))
    ]
