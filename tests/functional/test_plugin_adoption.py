"""Sockets that systemd passes (sd_listen_fds(3)) are adopted, kept, and survive supervisord itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ports import free_port
from support.processes import alive, socket_inode
from support.supervisord import Supervisord
from support.visitors import Visitors, ask, listening
from support.waiting import until


@pytest.fixture
def passed() -> Iterator[socket.socket]:
    """A socket that is held by this test, as a .socket unit is by systemd."""
    with listening(free_port()) as held:
        yield held


def test_adopted_and_kept(each_supervisord: Supervisord, passed: socket.socket) -> None:
    host, port = passed.getsockname()
    url, inode = f"tcp://{host}:{port}", str(os.fstat(passed.fileno()).st_ino)
    each_supervisord.program("api-blue", url)
    each_supervisord.start((passed,))
    with Visitors((host, port)) as visitors:
        assert each_supervisord.sockets()[url] | {"fd": 0} == {
            "url": url, "fd": 0, "inode": inode, "adopted": True, "groups": ["api-blue"],
            "backlog": socket.SOMAXCONN,
        }  # fmt: skip
        until(lambda: socket_inode(each_supervisord.pids("api-blue")[0]) == inode, "the worker has it")
        each_supervisord.program("api-green", url)
        each_supervisord.remove_program("api-blue")
        each_supervisord.ctl("update")
        each_supervisord.reload()
        visitors.more()
    assert not visitors.failures
    assert each_supervisord.sockets()[url]["inode"] == inode


def test_the_environment_is_not_passed_on(supervisord: Supervisord, passed: socket.socket) -> None:
    host, port = passed.getsockname()
    supervisord.program("api-blue", f"tcp://{host}:{port}")
    supervisord.start((passed,))
    ask((host, port))
    environ = Path(f"/proc/{supervisord.pids('api-blue')[0]}/environ").read_text()
    assert "LISTEN_" not in environ


def test_removal_of_the_last_group_and_another_one_later(
    supervisord: Supervisord, passed: socket.socket
) -> None:
    host, port = passed.getsockname()
    url = f"tcp://{host}:{port}"
    supervisord.start((passed,))  # before any group is there, as on a new host
    for name in ("api-blue", "api-green"):
        supervisord.program(name, url)
        supervisord.ctl("update")
        assert supervisord.sockets()[url]["adopted"]
        assert ask((host, port)) == str(supervisord.pids(name)[0])
        supervisord.remove_program(name)
        supervisord.ctl("update")
        assert not supervisord.sockets()


def test_of_several_each_finds_its_own(supervisord: Supervisord, passed: socket.socket) -> None:
    path = supervisord.folder / "api.sock"
    with listening(free_port(socket.AF_INET6), "::1") as six, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(path))
        local.listen()
        supervisord.program("four-blue", f"tcp://127.0.0.1:{passed.getsockname()[1]}")
        supervisord.program("six-blue", f"tcp://[::1]:{six.getsockname()[1]}")
        supervisord.program("local-blue", f"unix://{path}")
        supervisord.program("own-blue", f"tcp://127.0.0.1:{free_port()}")
        supervisord.start((local, six, passed))
        adopted = {
            groups[0]: each["adopted"]
            for each in supervisord.sockets().values()
            if (groups := each["groups"])
        }
        assert adopted == {"four-blue": True, "six-blue": True, "local-blue": True, "own-blue": False}
        assert ask(six.getsockname(), socket.AF_INET6) == str(supervisord.pids("six-blue")[0])
        assert ask(str(path), socket.AF_UNIX) == str(supervisord.pids("local-blue")[0])


def test_a_dual_stack_socket_stands_for_any_ipv4_address(supervisord: Supervisord) -> None:
    port = free_port()
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as dual:
        supervisord.program("api-blue", f"tcp://0.0.0.0:{port}")
        supervisord.start((dual,))
        assert supervisord.sockets()[f"tcp://0.0.0.0:{port}"]["adopted"]
        assert ask(("127.0.0.1", port)) == str(supervisord.pids("api-blue")[0])


def test_a_killed_supervisord_refuses_nobody(each_supervisord: Supervisord, passed: socket.socket) -> None:
    host, port = passed.getsockname()
    each_supervisord.program("api-blue", f"tcp://{host}:{port}")
    each_supervisord.start((passed,))
    with Visitors((host, port)) as visitors:
        old = each_supervisord.pids("api-blue")[0]
        each_supervisord.kill()
        until(lambda: not alive(old), "the worker ends with supervisord")
        each_supervisord.start((passed,))
        visitors.more()
    assert not visitors.failures
