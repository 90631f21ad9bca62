"""What the benchmark reads from wrk, ab and /proc, and what it starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench import install, loads, processes
from bench.loads import Load, LoadError
from bench.servers import BY_NAME, Server
from bench.serving import Running, ServingError
from support.folders import short_folder
from support.places import SOURCE_FOLDERS

AB = """
Server Software:
Time taken for tests:   2.500 seconds
Complete requests:      1000
Failed requests:        6
   (Connect: 1, Receive: 2, Length: 3, Exceptions: 0)
Non-2xx responses:      4
Requests per second:    400.00 [#/sec] (mean)

Percentage of the requests served within a certain time (ms)
  50%     12
  99%    340
 100%    400 (longest request)
"""
WRK = (
    "Running 2s test @ http://127.0.0.1:1/\n"
    '{"requests": 500, "microseconds": 2000000, "p50": 1500, "p99": 20000, "errors": '
    '{"connect": 0, "read": 3, "write": 0, "status": 1, "timeout": 0}}\n'
)


def test_ab_is_read():
    found = loads.read_ab(AB)
    assert (found.requests, found.rate, found.p50, found.p99) == (1000, 400.0, 12, 340)
    assert found.failures == {"connect": 1, "receive": 2, "length": 3, "status": 4}


def test_ab_without_failures_is_read():
    text = AB.replace("Failed requests:        6", "Failed requests:        0")
    text = "\n".join(line for line in text.splitlines() if "Connect" not in line and "Non-2xx" not in line)
    assert loads.read_ab(text).failures == {}


def test_a_report_that_lacks_a_line_is_told():
    with pytest.raises(LoadError, match="Failed requests"):
        loads.read_ab("apr_socket_recv: Connection refused (111)")


def test_wrk_is_read():
    found = loads.read_wrk(WRK)
    assert (found.requests, found.rate, found.p50, found.p99) == (500, 250.0, 1.5, 20.0)
    assert found.failures == {"read": 3, "status": 1}


def test_loads_become_commands():
    by_number = Load("x", "", "ab", 7, requests=30).command("URL")
    assert by_number == ["ab", "-q", "-r", "-s", "60", "-n", "30", "-c", "7", "URL"]
    by_time = Load("x", "", "ab", 7, seconds=2).command("URL")
    assert by_time.index("-t") < by_time.index("-n"), "-t sets -n, so -n must come after it"
    assert "Connection: close" in Load("x", "", "wrk", 7, seconds=2, closes=True).command("URL")
    assert "-H" not in Load("x", "", "wrk", 7, seconds=2).command("URL")


def test_the_line_of_a_process_with_an_odd_name_is_read():
    fields = ["S", "7", "9", "5", *["0"] * 7, "100", "50", "10", "5", *["0"] * 20]
    found = processes.parse_stat(f"42 (a ) b) {' '.join(fields)}", "cmd")
    assert (found.pid, found.parent, found.session) == (42, 7, 5)
    assert found.cpu == 165 / processes.TICK


def test_this_process_is_found_with_its_time_and_memory():
    mine = [each for each in processes.of_sessions({os.getsid(0)}) if each.pid == os.getpid()]
    assert len(mine) == 1
    assert mine[0].cpu > 0
    assert processes.memory(os.getpid()) > 1 << 20


def test_workers_are_those_without_children_that_are_no_helpers():
    found = [
        processes.Process(1, 0, 1, 0.0, "master"),
        processes.Process(2, 1, 1, 0.0, "worker"),
        processes.Process(3, 1, 1, 0.0, "uWSGI http 1"),
    ]
    assert [each.pid for each in processes.workers(found, "uWSGI http")] == [2]
    assert [each.pid for each in processes.workers(found)] == [2, 3]


def _running(server: Server, folder: Path) -> Running:
    path = [*SOURCE_FOLDERS, install.ROOT / "tools"]
    return Running(server, Path(sys.executable).parent, folder, path, {})


def test_a_server_is_started_asked_counted_and_ended():
    with short_folder() as folder, _running(BY_NAME["mooring-raw"], folder) as server:
        body = server.until_right("/", None)
        assert body == b"Hello from a WSGI application.\n"
        pids = [process.pid for process in server.workers()]
        assert len(pids) == 2
        before = sum(server.cpu().values())
        for _ in range(300):
            server.ask("/")
        server.settle()
        assert sum(server.cpu().values()) > before
        with pytest.raises(ServingError, match="not 200 and b'other'"):
            server.until_right("/", b"other")
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_server_that_ends_is_told_with_its_last_words(tmp_path):
    broken = Server("broken", "", "", ("python", "-c", "raise SystemExit('no such luck')"), inherits=True)
    with _running(broken, tmp_path) as server, pytest.raises(ServingError, match="no such luck"):
        server.until_right("/", None)


def test_a_missing_tool_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr(install.shutil, "which", lambda name: None if name == "ab" else "/usr/bin/wrk")
    with pytest.raises(install.MissingError, match="apt-get install apache2-utils"):
        install.check_tools()
