"""The port of a new instance is taken, before its deploy or in the middle of it: refused, and its neighbour serves on."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from support.faults import harmless
from support.load.stage import Stage
from support.ports import free_port


def test_a_deploy_to_a_port_that_is_taken_is_refused_and_the_neighbour_serves_on(stage: Stage) -> None:
    port = free_port()
    home = stage.root / "instances/neighbour"
    own = {"api_name": "neighbour", "api_port": port}
    before = stage.pids()
    with harmless(stage, "the port taken before the deploy"):
        with _taken(port):
            assert f"held by process {os.getpid()}" in stage.refused(**own)
            assert not home.exists(), "nothing has been changed"
        assert stage.pids() == before
    with harmless(stage, "a deploy to the neighbour's port"):
        told = stage.refused(**own | {"api_port": stage.port})
        assert "is the port of counting" in told, told
        assert not home.exists()
    with harmless(stage, "the port taken in the middle of the deploy"):
        process = stage.start("deploy.yml", **own)
        assert process.stdout
        output = ""
        with process.stdout, contextlib.ExitStack() as stack:
            for line in process.stdout:
                output += line
                if (
                    line.startswith("TASK [")
                    and " : Write what went into the release, and render the program files]" in line
                ):
                    stack.enter_context(_taken(port))
            assert process.wait(timeout=60) == 2, output
            assert f"port {port}" in output
            assert "taken by" in output
        assert stage.pids() == before
    with harmless(stage, "the port free again"):
        stage.deploy(**own)
        assert len(stage.pids()) == 2 * len(before)
        removed = stage.run("playbooks/remove.yml", **own)
        assert removed.returncode == 0, removed.stdout
    assert stage.pids() == before


@contextmanager
def _taken(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield
