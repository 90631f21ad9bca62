"""The plugin keeps one socket per URL open, whatever happens to the groups."""

from __future__ import annotations

import socket
import xmlrpc.client

import pytest

from support.ports import free_port
from support.processes import open_files
from support.supervisord import Supervisord
from support.visitors import Visitors, ask, listening
from support.waiting import DEADLINE, until


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def url(port: int) -> str:
    return f"tcp://127.0.0.1:{port}"


@pytest.fixture
def blue(supervisord: Supervisord, url: str) -> Supervisord:
    """A supervisord that runs two workers of one group, and nothing else."""
    supervisord.program("api-blue", url, numprocs=2)
    return supervisord.start()


@pytest.fixture
def each_blue(each_supervisord: Supervisord, url: str) -> Supervisord:
    """The same, of each version of supervisor that is supported."""
    each_supervisord.program("api-blue", url, numprocs=2)
    return each_supervisord.start()


def sockets_of(pid: int) -> dict[str, str]:
    """Return the inodes of a process's sockets by descriptor."""
    return {str(fd): link[8:-1] for fd, link in open_files(pid).items() if link.startswith("socket:")}


def closed(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_all_processes_of_all_groups_share_one_socket(each_supervisord: Supervisord, url: str) -> None:
    each_supervisord.program("api-bootstrap", url)
    each_supervisord.program("api-blue", url, numprocs=2)
    each_supervisord.start()
    pids = each_supervisord.pids("api-bootstrap") + each_supervisord.pids("api-blue")
    shared = each_supervisord.sockets()[url]
    assert len(pids) == 3
    assert shared["groups"] == ["api-blue", "api-bootstrap"]
    assert shared["fd"] >= each_supervisord.minfds
    for pid in pids:
        until(lambda pid=pid: sockets_of(pid) == {"0": shared["inode"]}, "fd 0 is the one socket that it has")


def test_restart_of_all_workers_refuses_nobody(each_blue: Supervisord, port: int, url: str) -> None:
    before, inode = each_blue.pids("api-blue"), each_blue.sockets()[url]["inode"]
    with Visitors(("127.0.0.1", port)) as visitors:
        each_blue.ctl("restart", "api-blue:*")
        visitors.more()
    assert not visitors.failures
    assert not set(before) & set(each_blue.pids("api-blue"))
    assert each_blue.sockets()[url]["inode"] == inode


def test_stopped_workers_leave_connections_waiting(blue: Supervisord, port: int) -> None:
    blue.ctl("stop", "api-blue:*")
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        blue.ctl("start", "api-blue:*")
        client.settimeout(DEADLINE)
        assert client.recv(100).startswith(b"HTTP/1.0 200")


def test_update_to_another_group_refuses_nobody(each_blue: Supervisord, port: int, url: str) -> None:
    with Visitors(("127.0.0.1", port)) as visitors:
        each_blue.remove_program("api-blue")
        each_blue.program("api-green", url, numprocs=3)
        each_blue.ctl("update")
        visitors.more()
    assert not visitors.failures
    assert each_blue.sockets()[url]["groups"] == ["api-green"]


def test_update_of_a_changed_group_refuses_nobody(blue: Supervisord, port: int, url: str) -> None:
    with Visitors(("127.0.0.1", port)) as visitors:
        blue.program("api-blue", url, numprocs=1)
        assert "api-blue: updated process group" in blue.ctl("update")
        visitors.more()
    assert not visitors.failures
    assert len(blue.pids("api-blue")) == 1


def test_restart_of_the_bootstrap_refuses_nobody(blue: Supervisord, port: int, url: str) -> None:
    blue.program("api-bootstrap", url)
    blue.ctl("update")
    with Visitors(("127.0.0.1", port)) as visitors:
        blue.ctl("restart", "api-bootstrap:0")
        visitors.more()
    assert not visitors.failures


def test_reload_refuses_nobody(each_blue: Supervisord, port: int, url: str) -> None:
    inode, pid = each_blue.sockets()[url]["inode"], each_blue.pid
    with Visitors(("127.0.0.1", port)) as visitors:
        for _ in range(2):
            each_blue.reload()
            visitors.more()
    assert not visitors.failures
    assert each_blue.pid == pid
    assert each_blue.sockets()[url]["inode"] == inode


def test_reload_with_more_minfds_keeps_the_socket(blue: Supervisord, port: int, url: str) -> None:
    inode = blue.sockets()[url]["inode"]
    blue.minfds *= 2
    blue.configure()
    with Visitors(("127.0.0.1", port)) as visitors:
        blue.reload()
        visitors.more()
    assert not visitors.failures
    assert blue.sockets()[url]["inode"] == inode
    assert blue.sockets()[url]["fd"] >= blue.minfds


def test_the_last_group_closes_the_port(each_blue: Supervisord, port: int, url: str) -> None:
    each_blue.program("api-green", url)
    each_blue.ctl("update")
    for name, still_open in (("api-blue", True), ("api-green", False)):
        each_blue.remove_program(name)
        each_blue.ctl("update")
        assert (url in each_blue.sockets()) == still_open
        assert closed(port) != still_open
    assert f"socket {url}: closed" in each_blue.log()


def test_a_group_that_leaves_the_configuration_after_its_removal(
    blue: Supervisord, port: int, url: str
) -> None:
    blue.ctl("stop", "api-blue:*")
    blue.ctl("remove", "api-blue")
    assert url in blue.sockets(), "the configuration still names it"
    blue.remove_program("api-blue")
    blue.ctl("reread")
    until(lambda: closed(port), "the port is closed at the next tick")


def test_reload_closes_what_no_group_names(blue: Supervisord, port: int, url: str) -> None:
    other = free_port()
    blue.program("api-blue", f"tcp://127.0.0.1:{other}")
    blue.reload()
    assert list(blue.sockets()) == [f"tcp://127.0.0.1:{other}"]
    assert closed(port)
    assert ask(("127.0.0.1", other)) == str(blue.pids("api-blue")[0])


def test_update_to_another_port(blue: Supervisord, port: int) -> None:
    other = free_port()
    blue.program("api-blue", f"tcp://127.0.0.1:{other}")
    blue.ctl("update")
    assert closed(port)
    assert ask(("127.0.0.1", other)) == str(blue.pids("api-blue")[0])


def test_update_of_the_backlog(blue: Supervisord, port: int, url: str) -> None:
    inode = blue.sockets()[url]["inode"]
    with Visitors(("127.0.0.1", port)) as visitors:
        blue.program("api-blue", url, numprocs=2, socket_backlog=7)
        assert "api-blue: changed" in blue.ctl("reread")
        blue.ctl("update")
        visitors.more()
    assert not visitors.failures
    assert (blue.sockets()[url]["backlog"], blue.sockets()[url]["inode"]) == (7, inode)


def test_two_instances_on_two_ports(blue: Supervisord, port: int, url: str) -> None:
    other = free_port()
    blue.program("second-blue", f"tcp://127.0.0.1:{other}")
    with Visitors(("127.0.0.1", port)) as visitors:
        blue.ctl("update")
        assert ask(("127.0.0.1", other)) == str(blue.pids("second-blue")[0])
        blue.remove_program("second-blue")
        blue.ctl("update")
        visitors.more()
    assert not visitors.failures
    assert closed(other)
    assert list(blue.sockets()) == [url]


def test_ipv6(supervisord: Supervisord) -> None:
    port = free_port(socket.AF_INET6)
    supervisord.program("api-blue", f"tcp://[::1]:{port}")
    supervisord.start()
    assert ask(("::1", port), socket.AF_INET6) == str(supervisord.pids("api-blue")[0])


def test_ipv6_any_address_serves_ipv4_too(supervisord: Supervisord, port: int) -> None:
    supervisord.program("api-blue", f"tcp://[::]:{port}")
    supervisord.start()
    assert ask(("127.0.0.1", port)) == ask(("::1", port), socket.AF_INET6)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("tcp://[::1]:x", "not a socket URL"),
        ("tcp://[::1]:99999", "port 99999 is not between 1 and 65535"),
    ],
)
def test_a_wrong_url_is_refused_when_it_is_read(supervisord: Supervisord, wrong: str, says: str) -> None:
    supervisord.start()
    supervisord.program("api-blue", wrong)
    assert says in supervisord.ctl("reread", status=1)


def test_a_daemon_keeps_its_socket(supervisord: Supervisord, port: int, url: str) -> None:
    supervisord.configure(nodaemon=False)
    supervisord.program("api-blue", url)
    supervisord.start()
    with Visitors(("127.0.0.1", port)) as visitors:
        supervisord.reload()
        visitors.more()
    assert not visitors.failures


def test_check_tells_beforehand_whether_a_group_could_be_added(supervisord: Supervisord, port: int) -> None:
    supervisord.start()
    supervisord.program("api-blue", f"tcp://127.0.0.1:{port}")
    supervisord.ctl("reread")
    with listening(port), pytest.raises(xmlrpc.client.Fault, match=f"port {port} .* is taken by|taken by"):
        supervisord.rpc.mooring.checkSocket("api-blue")
    assert supervisord.rpc.mooring.checkSocket("api-blue") is True
    assert closed(port), "it only checks"
    with pytest.raises(xmlrpc.client.Fault, match="BAD_NAME"):
        supervisord.rpc.mooring.checkSocket("api-green")


def test_a_control_socket_that_somebody_has_removed_comes_again(each_blue: Supervisord) -> None:
    path = each_blue.folder / "supervisor.sock"
    before, mode = each_blue.pids("api-blue"), path.stat().st_mode
    path.unlink()
    until(path.exists, "the control socket")
    assert each_blue.pids("api-blue") == before
    assert path.stat().st_mode == mode
    each_blue.ctl("restart", "api-blue:*")
    assert not set(before) & set(each_blue.pids("api-blue"))
