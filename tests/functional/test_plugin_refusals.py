"""A socket that can't be had refuses its group, with the reason, and touches nothing else."""

from __future__ import annotations

import os
import socket
import stat
import xmlrpc.client
from pathlib import Path

import pytest

from support.ports import free_port
from support.processes import alive
from support.supervisord import Supervisord
from support.visitors import Visitors, ask, listening


@pytest.fixture
def taken() -> int:
    return free_port()


@pytest.fixture
def running(each_supervisord: Supervisord) -> tuple[Supervisord, int]:
    """A supervisord with a group that serves, and its port."""
    port = free_port()
    each_supervisord.program("api-blue", f"tcp://127.0.0.1:{port}")
    return each_supervisord.start(), port


def test_at_add(running: tuple[Supervisord, int], taken: int) -> None:
    server, port = running
    pids = server.pids("api-blue")
    server.program("other-blue", f"tcp://127.0.0.1:{taken}")
    with listening(taken), Visitors(("127.0.0.1", port)) as visitors:
        server.rpc.supervisor.reloadConfig()
        with pytest.raises(xmlrpc.client.Fault) as refusal:
            server.rpc.supervisor.addProcessGroup("other-blue")
        visitors.more()
    assert refusal.value.faultCode == 30  # FAILED
    assert (
        f"port {taken} (tcp://127.0.0.1:{taken}): taken by process {os.getpid()} ("
        in refusal.value.faultString
    )
    assert "pytest" in refusal.value.faultString
    assert not visitors.failures
    assert server.pids("api-blue") == pids
    assert server.pids("other-blue") == []
    server.ctl("update")  # the port is free by now, and update makes good for it
    assert ask(("127.0.0.1", taken)) == str(server.pids("other-blue")[0])


def test_at_start_up(each_supervisord: Supervisord, taken: int) -> None:
    port = free_port()
    each_supervisord.program("api-blue", f"tcp://127.0.0.1:{port}")
    each_supervisord.program("other-blue", f"tcp://127.0.0.1:{taken}")
    with listening(taken):
        each_supervisord.start()
        assert ask(("127.0.0.1", port)) == str(each_supervisord.pids("api-blue")[0])
        assert f"CRIT group other-blue is refused: port {taken} " in each_supervisord.log()
        assert "other-blue" not in each_supervisord.ctl("status")
    each_supervisord.ctl("update")
    assert ask(("127.0.0.1", taken)) == str(each_supervisord.pids("other-blue")[0])


def test_at_reload(running: tuple[Supervisord, int], taken: int) -> None:
    server, port = running
    server.program("other-blue", f"tcp://127.0.0.1:{taken}")
    with listening(taken), Visitors(("127.0.0.1", port)) as visitors:
        server.reload()
        visitors.more()
    assert not visitors.failures
    assert f"CRIT group other-blue is refused: port {taken} " in server.log()


def test_a_process_that_ends_needs_no_bind(running: tuple[Supervisord, int], taken: int) -> None:
    """Upstream issues 1567 and 1569: a bind at spawn, which fails, ends supervisord and leaves orphans."""
    server, port = running
    pid = server.pid
    server.ctl("stop", "api-blue:*")
    with pytest.raises(OSError, match="in use"), listening(port):
        pass  # nobody else can take the port meanwhile, since it never closed
    server.ctl("start", "api-blue:*")
    assert server.pid == pid
    assert alive(pid)


def test_two_urls_for_one_address(supervisord: Supervisord, taken: int) -> None:
    supervisord.program("api-blue", f"tcp://127.0.0.1:{taken}")
    supervisord.program("api-green", f"tcp://localhost:{taken}")
    supervisord.start()
    assert "this supervisord holds it under another URL; write one URL in all groups" in supervisord.log()


def test_a_host_that_does_not_exist(supervisord: Supervisord, taken: int) -> None:
    supervisord.program("api-blue", f"tcp://no-such-host.invalid:{taken}")
    supervisord.program("api-green", f"tcp://192.0.2.1:{taken}")  # RFC 5737: no interface has it
    supervisord.start()
    assert "the host no-such-host.invalid is unknown" in supervisord.log()
    assert (
        f"port {taken} (tcp://192.0.2.1:{taken}): no interface of this host has that address"
        in supervisord.log()
    )


def test_no_descriptor_above_minfds(supervisord: Supervisord, taken: int) -> None:
    supervisord.program("api-blue", f"tcp://127.0.0.1:{taken}")
    supervisord.start(limits=(supervisord.minfds, supervisord.minfds))
    assert f"no descriptor is left at or above minfds={supervisord.minfds}" in supervisord.log()
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", taken)) != 0, "nothing stays bound"


def test_unix_socket(supervisord: Supervisord) -> None:
    path = supervisord.folder / "api.sock"
    supervisord.program("api-blue", f"unix://{path}", socket_mode="0640")
    supervisord.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with Visitors(str(path), socket.AF_UNIX) as visitors:
        supervisord.program("api-green", f"unix://{path}", socket_mode="0600")
        supervisord.remove_program("api-blue")
        supervisord.ctl("update")
        supervisord.reload()
        visitors.more()
    assert not visitors.failures
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "the group that was added last"
    supervisord.remove_program("api-green")
    supervisord.ctl("update")
    assert not path.exists()


def test_unix_socket_in_a_folder_that_does_not_exist(supervisord: Supervisord) -> None:
    supervisord.program("api-blue", f"unix://{supervisord.folder}/absent/api.sock")
    supervisord.start()
    assert "absent/api.sock: its folder does not exist; make it" in supervisord.log()


def test_unix_socket_of_the_dead_is_taken_over(supervisord: Supervisord) -> None:
    path = supervisord.folder / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    supervisord.program("api-blue", f"unix://{path}")
    supervisord.start()
    assert ask(str(path), socket.AF_UNIX) == str(supervisord.pids("api-blue")[0])


def test_unix_socket_of_the_living_is_left_alone(supervisord: Supervisord) -> None:
    path = supervisord.folder / "api.sock"
    supervisord.program("api-blue", f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        supervisord.start()
        assert f"socket {path}: taken by process {os.getpid()} (" in supervisord.log()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_file_is_not_overwritten(supervisord: Supervisord) -> None:
    path = Path(supervisord.folder / "precious")
    path.write_text("data")
    supervisord.program("api-blue", f"unix://{path}")
    supervisord.start()
    assert f"socket {path}: taken by" in supervisord.log()
    assert path.read_text() == "data"
