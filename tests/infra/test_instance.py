"""The deployed instance as the host shows it: port, processes, sockets, answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest


@pytest.fixture(scope="module")
def live(host: Any, expected: Any) -> dict[str, str]:
    return json.loads(host.file(f"{expected.home}/live.json").content_string)


@pytest.fixture(scope="module")
def processes(host: Any, expected: Any) -> list[dict[str, Any]]:
    """List the children of this root's supervisord with the instance's titles, from /proc itself."""
    supervisord = host.file(f"{expected.root}/supervisor/run/supervisord.pid").content_string.strip()
    script = (
        "for d in /proc/[0-9]*; do t=$(tr '\\0' ' ' < $d/cmdline 2>/dev/null) || continue; case \"$t\" in "
        f'"mooring: {expected.name} "*) if grep -q "^PPid:[[:space:]]*{supervisord}$" $d/status; then'
        ' echo "${d#/proc/}|$(stat -c %u $d)|$(readlink $d/fd/* | tr "\\n" " ")|$t"; fi;; esac; done'
    )
    found = []
    for line in host.check_output(script).splitlines():
        pid, uid, links, title = line.split("|", 3)
        found.append({"pid": int(pid), "uid": int(uid), "links": links.split(), "title": title.strip()})
    return found


@pytest.fixture(scope="module")
def workers(processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in processes if not re.search("bootstrap$| companion ", each["title"])]


@pytest.fixture(scope="module")
def bootstraps(processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in processes if each["title"].endswith("bootstrap")]


def test_the_port_listens(host: Any, expected: Any) -> None:
    listening = host.check_output("cat /proc/net/tcp /proc/net/tcp6")
    port = f":{expected.port:04X}"
    assert [
        line for line in listening.splitlines() if line.split()[1].endswith(port) and line.split()[3] == "0A"
    ]


def test_one_bootstrap_and_n_workers_of_the_live_colour(
    workers: list[dict[str, Any]], bootstraps: list[dict[str, Any]], live: dict[str, str], expected: Any
) -> None:
    titles = sorted(each["title"] for each in workers)
    assert titles == sorted(
        f"mooring: {expected.name} {live['colour']} {number} ({expected.framework})"
        for number in range(expected.workers)
    )
    assert len(bootstraps) == 1


def test_all_hold_the_same_socket_and_the_workers_not_as_descriptor_0(
    workers: list[dict[str, Any]], bootstraps: list[dict[str, Any]]
) -> None:
    shared = bootstraps[0]["links"][0]
    assert re.fullmatch(r"socket:\[\d+\]", shared)
    for each in workers:
        assert shared in each["links"]
        assert each["links"][0] == "/dev/null"


def test_nothing_runs_as_root(processes: list[dict[str, Any]], host: Any, expected: Any) -> None:
    pid = host.file(f"{expected.root}/supervisor/run/supervisord.pid").content_string.strip()
    owners = {each["uid"] for each in processes} | {int(host.check_output(f"stat -c %u /proc/{pid}"))}
    assert len(owners) == 1
    assert 0 not in owners


def test_no_process_can_gain_rights_or_leave_a_core_file(
    processes: list[dict[str, Any]], host: Any, expected: Any
) -> None:
    pid = host.file(f"{expected.root}/supervisor/run/supervisord.pid").content_string.strip()
    for each in [pid, *(str(each["pid"]) for each in processes)]:
        status = host.check_output(f"grep -E '^(NoNewPrivs|Umask):' /proc/{each}/status")
        assert status.split() == ["Umask:", "0077", "NoNewPrivs:", "1"]
        limits = host.check_output(f"grep '^Max core file size' /proc/{each}/limits")
        assert limits.split()[4:6] == ["0", "0"]
        assert int(host.check_output(f"cat /proc/{each}/coredump_filter"), 16) == 0


def test_supervisord_knows_them_running(host: Any, expected: Any) -> None:
    home = f"{expected.root}/supervisor"
    status = host.check_output(f"{home}/venv/bin/supervisorctl -c {home}/supervisord.conf status")
    ours = [
        line for line in status.splitlines() if re.match(rf"{expected.name}-(blue|green|bootstrap)\b", line)
    ]
    assert len(ours) == expected.workers + 1
    assert all(" RUNNING " in line for line in ours)


def test_the_api_answers(host: Any, expected: Any) -> None:
    client = (
        "import http.client, json; "
        f"c = http.client.HTTPConnection('127.0.0.1', {expected.port}, timeout=10); "
        f"c.request('GET', '{expected.path}'); r = c.getresponse(); "
        "print(json.dumps([r.status, r.getheader('Content-Type'), r.read().decode()]))"
    )
    status, content_type, body = json.loads(host.check_output(f'python3 -I -c "{client}"'))
    assert status == 200
    assert content_type == "application/json"
    # The same JSON whatever framework serves: the table of VIM types, in its order.
    assert [each["vim_type"] for each in json.loads(body)] == ["openstack", "vmware", "vsphere", "azure"]


def test_the_status_sockets_are_for_the_service_user_alone(
    host: Any, expected: Any, live: dict[str, str]
) -> None:
    listing = host.check_output(f"stat -c '%a %n' {expected.home}/run/*.sock")
    assert len(listing.splitlines()) == expected.workers + 1
    assert all(line.startswith("600 ") for line in listing.splitlines())
    assert f"{expected.name}-{live['colour']}-0.sock" in listing


def test_no_control_over_the_network(host: Any, expected: Any) -> None:
    configuration = host.file(f"{expected.root}/supervisor/supervisord.conf").content_string
    assert "inet_http_server" not in configuration
    mode = host.check_output(f"stat -c %a {expected.root}/supervisor/run/supervisor.sock")
    assert mode == "700"
