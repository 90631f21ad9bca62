"""A switch that dies at any moment: the next command converges at the first try, and what serves serves on."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from mooring import removal
from support.folders import short_folder
from support.hosted import Hosted
from support.instance import refusal
from support.supervisord import Supervisord
from support.visitors import Visitors
from support.waiting import until

HELD = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n12"


@pytest.fixture(scope="module")
def instance() -> Iterator[Hosted]:
    """One instance for all moments: each begins with what the one before it has left."""
    with short_folder() as path:
        server = Supervisord(path)
        one = Hosted(server)
        for release in ("r1", "r2", "r3"):
            one.build(release)
        server.start()
        one.deploy("r1")
        yield one
        server.stop()
        for name in ("releases", "venvs"):  # they are read-only
            removal.remove_tree(path / name)


def after_step(step: str) -> Callable[[Hosted, str], None]:
    return lambda instance, release: instance.deploy(release, last=step)


def in_the_drain(instance: Hosted, release: str) -> None:
    """What Ctrl-C leaves: the old generation is out of the configuration, and drains; nobody waits for it any more."""
    colour = instance.live()["colour"]
    with socket.create_connection(("127.0.0.1", instance.port)) as client:
        client.sendall(HELD)
        instance.deploy(release, last="name")
        process = instance.popen("reconcile")
        instance.await_states(f"api-{colour}", "STOPPING")
        process.kill()
        process.communicate()
        client.sendall(b"34")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    instance.await_states(f"api-{colour}", "STOPPED")


MOMENTS: dict[str, Callable[[Hosted, str], None]] = {
    **{f"after {step}": after_step(step) for step in ("put", "start", "gate", "name")},
    "in the drain": in_the_drain,
}
# What is live at the moment is "old", what the run that died was about to deploy is "new"; a rollback is a deploy of "old"
NEXT = ["new", "old", "third", "restart"]
CELLS = [(moment, command) for moment in MOMENTS for command in NEXT]
LESS = {
    ("after put", "third"),
    ("after put", "restart"),
    ("after start", "third"),
    ("after start", "restart"),
}


@pytest.mark.parametrize(("moment", "command"), [cell for cell in CELLS if cell not in LESS])
def test_the_next_command_converges_at_the_first_try(instance: Hosted, moment: str, command: str) -> None:
    old = instance.live()["release"]
    new, third = (release for release in ("r1", "r2", "r3") if release != old)
    with Visitors(("127.0.0.1", instance.port), number=1) as visitors:
        MOMENTS[moment](instance, new)
        _is_told(instance, moment)
        if command == "restart":
            wanted = instance.plan()["live"]["release"]
            instance.restart()
        else:
            wanted = {"new": new, "old": old, "third": third}[command]
            instance.deploy(wanted)
        visitors.more()
    assert not visitors.failures
    instance.assert_serves(wanted)


def _is_told(instance: Hosted, moment: str) -> None:
    """Two generations that serve side by side are told of, each of them, by what tells anything."""
    if moment not in ("after gate", "after name"):
        return
    said = [refusal(instance.verify), instance.serving(), *instance.status()["problems"]]
    assert "Two generations serve now, side by side: release" in said[0]
    assert "The way out: deploy again" in said[0]
    assert "Two generations serve now, side by side: release" in said[1]
    assert "runs beside it" in said[2]


def test_a_restart_that_died_has_left_a_worker_stopped(instance: Hosted) -> None:
    live = instance.live()
    process = instance.popen("restart")
    worker = f"api-{live['colour']}"
    until(lambda: instance.states()[f"{worker}:0"] != "RUNNING", "the restart has begun")
    process.kill()
    process.communicate()
    instance.await_states(worker, "STOPPED")
    assert "Nothing serves now" in instance.serving()
    instance.deploy(live["release"])
    instance.assert_serves(live["release"])
