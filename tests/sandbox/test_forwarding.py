"""Through the deployed instance to the sandbox and back: what the README's first five minutes show.

Run beside tests/infra, whose --expect names the port: pytest tests/infra tests/sandbox --expect='{"port": 9001, …}'
"""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from typing import Any

import pytest

Answer = tuple[int, http.client.HTTPMessage, Any]


@pytest.fixture
def port(request: pytest.FixtureRequest) -> int:
    return int(json.loads(request.config.getoption("--expect"))["port"])


def ask(port: int, method: str, path: str, body: object = None, token: str = "") -> Answer:
    headers = {"Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, "/api/multicloud" + path, body and json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
        return response.status, response.headers, json.loads(content) if content else None


@pytest.mark.parametrize("region", ["/v0/openstack_north", "/v1/openstack/north"])
def test_a_token_then_a_network_created_listed_shown_and_deleted(port: int, region: str) -> None:
    status, headers, _ = ask(port, "POST", f"{region}/identity/v3/auth/tokens", {"auth": {}})
    token = headers["X-Subject-Token"]
    assert status == 201
    assert token
    status, _, made = ask(
        port,
        "POST",
        f"{region}/demo/networks",
        {"name": "net-of-the-test", "networkType": "vlan", "shared": False},
        token,
    )
    assert status in (200, 201, 202)
    status, _, listed = ask(port, "GET", f"{region}/demo/networks", token=token)
    assert status == 200
    assert made["id"] in [network["id"] for network in listed["networks"]]
    assert ask(port, "GET", f"{region}/demo/networks/{made['id']}", token=token)[0] == 200
    assert ask(port, "DELETE", f"{region}/demo/networks/{made['id']}", token=token)[0] == 204
    assert ask(port, "GET", f"{region}/demo/networks/{made['id']}", token=token)[0] == 404


def test_capacity_is_asked_of_each_region_and_the_unknown_is_left_out(port: int) -> None:
    vims = ["openstack_north", "nobody_nowhere", "vmware_south"]
    status, _, answer = ask(port, "POST", "/v0/check_vim_capacity", {"vCPU": 1, "VIMs": vims})
    assert (status, answer) == (200, {"VIMs": ["openstack_north", "vmware_south"]})


def test_a_token_does_not_leave_regions_out_of_the_capacity(port: int) -> None:
    _, headers, _ = ask(port, "POST", "/v0/openstack_north/identity/v3/auth/tokens", {"auth": {}})
    vims = ["openstack_north", "vmware_south"]
    wanted = {"vCPU": 1, "VIMs": vims}
    answer = ask(port, "POST", "/v0/check_vim_capacity?a=b", wanted, headers["X-Subject-Token"])
    assert answer[::2] == (200, {"VIMs": vims})


def test_an_unknown_method_is_told_as_the_contract_says(port: int) -> None:
    for path in ("/v0/vim_types", "/v0/openstack_north/demo/networks"):
        status, headers, body = ask(port, "FOO", path)
        assert (status, body) == (405, {"detail": 'Method "FOO" not allowed.'})
        assert "GET" in headers["Allow"]


def test_raw_utf8_reaches_the_driver(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        target = "/api/multicloud/v0/openstack_north/demo/networks?name=\u00e9".encode()
        client.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["networks"] == []


def test_an_unknown_region_is_told_as_the_contract_says(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/api/multicloud/v0/nobody_nowhere/demo/networks")
        response = connection.getresponse()
        assert (response.status, response.read()) == (
            404,
            b"Failed to query VIM with id (nobody_nowhere) from extsys.",
        )
