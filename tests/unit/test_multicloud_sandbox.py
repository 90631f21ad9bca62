"""The sandbox: what the tiny cloud refuses, and that any WSGI server can serve it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from multicloud.core.drivers import DEFAULT_TABLE, load
from multicloud.sandbox.app import MOST, Sandbox
from multicloud.sandbox.regions import REGIONS
from support.places import SOURCES
from support.upstream.clients import InProcess

NORTH = "/api/multicloud-pike/v0/openstack_north"


@pytest.fixture
def sandbox() -> InProcess:
    """A sandbox as new."""
    return InProcess(Sandbox())


def ask(sandbox: InProcess, method: str, path: str, value: object = None) -> tuple[int, Any]:
    body = None if value is None else json.dumps(value).encode()
    got = sandbox.request(method, path, {}, body)
    return got.status, json.loads(got.body) if got.body else None


def test_it_says_what_it_is(sandbox: InProcess) -> None:
    status, told = ask(sandbox, "GET", "/")
    assert status == 200
    assert told["what"].startswith("This is the sandbox")
    assert len(told["regions"]) == len(REGIONS)


def test_capacity_is_told_whatever_token_comes_along(sandbox: InProcess) -> None:
    """A client's token is good for one region; the broker passes it on to all that it asks."""
    token = {"X-Auth-Token": "of-another-region"}
    assert sandbox.request("POST", f"{NORTH}/capacity_check", token, b'{"vCPU": 1}').status == 200
    assert sandbox.request("GET", f"{NORTH}/tenants", token).status == 401


def test_two_or_three_regions_of_each_type() -> None:
    counts = {each["vim_type"]: 0 for each in load(str(DEFAULT_TABLE)).vim_types()}
    for region in REGIONS.values():
        counts[region.cloud_type] += 1
        assert region.driver
    assert set(counts.values()) <= {2, 3}


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("GET", "/aai/v13/cloud-infrastructure/cloud-regions/cloud-region/no/where", None, 404),
        ("GET", "/api/multicloud-vio/v0/openstack_north/tenants", None, 404),
        ("GET", "/api/multicloud-pike/v0/no_where/tenants", None, 404),
        ("GET", f"{NORTH}/nobody/networks", None, 404),
        ("GET", f"{NORTH}/demo/clouds", None, 404),
        ("GET", f"{NORTH}/demo/hosts/unknown", None, 404),
        ("PUT", f"{NORTH}/demo/networks", {}, 405),
        ("GET", f"{NORTH}/demo/networks?marker=x", None, 400),
        ("POST", f"{NORTH}/demo/networks", [], 400),
        ("POST", f"{NORTH}/demo/subnets", {"networkId": "x", "name": "s", "cidr": "c", "ipVersion": 4}, 404),
        ("POST", f"{NORTH}/capacity_check", {"vCPU": "many"}, 400),
        ("POST", f"{NORTH}/identity/v3/auth/tokens", {"auth": 7}, 400),
        ("POST", f"{NORTH}/identity/v2.0/tokens", {"auth": {"tenantName": "nobody"}}, 404),
    ],
)
def test_refusals(sandbox: InProcess, method: str, path: str, value: object, status: int) -> None:
    got, told = ask(sandbox, method, path, value)
    assert (got, list(told)) == (status, ["error"])


def test_bodies(sandbox: InProcess) -> None:
    path = f"{NORTH}/demo/networks"
    assert sandbox.request("POST", path, {}, b"{").status == 400
    assert sandbox.request("POST", path, {"Content-Length": str(MOST + 1)}).status == 413
    network = b'{"name": "n", "networkType": "vlan", "shared": true}'
    assert sandbox.request("POST", path, {"Transfer-Encoding": "chunked"}, network).status == 201


def test_lists(sandbox: InProcess) -> None:
    for number in range(5):
        volume = {"name": f"v{number}", "volumeSize": 1}
        assert ask(sandbox, "POST", f"{NORTH}/demo/volumes", volume)[0] == 201

    def names(query: str) -> list[str]:
        return [each["name"] for each in ask(sandbox, "GET", f"{NORTH}/demo/volumes?{query}")[1]["volumes"]]

    assert names("") == ["v0", "v1", "v2", "v3", "v4"]
    assert names("name=v3") == ["v3"]
    assert names("limit=2") == ["v0", "v1"]
    first = ask(sandbox, "GET", f"{NORTH}/demo/volumes?limit=2")[1]["volumes"][1]["id"]
    assert names(f"marker={first}&limit=2") == ["v2", "v3"]


def test_room_runs_out(sandbox: InProcess) -> None:
    edge = "/api/multicloud-titaniumcloud/v1/openstack/edge"
    flavor = {"name": "big", "vcpu": 5, "memory": 1024, "disk": 10}
    made = ask(sandbox, "POST", f"{edge}/demo/flavors", flavor)[1]
    server = {"boot": {"type": 2}, "flavorId": made["id"]}
    assert ask(sandbox, "POST", f"{edge}/demo/servers", {"name": "a", **server})[0] == 201
    assert ask(sandbox, "POST", f"{edge}/demo/servers", {"name": "b", **server})[0] == 409
    assert ask(sandbox, "POST", f"{edge}/capacity_check", {"vCPU": 3})[1]["result"] is True
    assert ask(sandbox, "POST", f"{edge}/capacity_check", {"vCPU": 4})[1]["result"] is False
    assert ask(sandbox, "DELETE", f"{edge}/demo/flavors/{made['id']}")[0] == 409


def test_a_port_that_is_taken() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "multicloud.sandbox", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=30,
            env={"PYTHONPATH": SOURCES},
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"multicloud.sandbox: cannot listen on 127.0.0.1 port {port}: ")
    assert "Traceback" not in done.stderr
