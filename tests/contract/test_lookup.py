"""How a region finds its driver: one question to A&AI, the driver table, and what goes wrong with either."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from support.api import HTML, PASSWORD, PREFIX, Client, text_of
from support.upstream.server import (
    Reply,
    Upstream,
    chunked,
    drop,
    raw,
    region,
    region_reply,
    respond,
    respond_json,
)

V0, V1 = f"{PREFIX}/v0/owner_region/networks", f"{PREFIX}/v1/owner/region/networks"
UNKNOWN = (404, HTML, "Failed to query VIM with id (owner_region) from extsys.")


@pytest.mark.parametrize("path", [V0, V1])
def test_each_forward_asks_once(api: Client, aai: Upstream, msb: Upstream, path: str) -> None:
    assert api.request("GET", path, {"X-TransactionId": "t-1"}).status == 200
    assert api.request("GET", path).status == 200
    assert len(aai.seen) == len(msb.seen) == 2
    asked = aai.seen[0]
    assert asked.method == "GET"
    assert asked.target == "/aai/v13/cloud-infrastructure/cloud-regions/cloud-region/owner/region"
    basic = base64.b64encode(f"tester:{PASSWORD}".encode()).decode()
    assert asked.value("Authorization") == f"Basic {basic}"
    assert asked.value("X-FromAppId") == "MultiCloud"
    assert asked.value("X-TransactionId") == "t-1"
    assert asked.value("Accept") == "application/json"
    assert aai.seen[1].value("X-TransactionId")


@pytest.mark.parametrize(
    ("path", "owner", "region_id"),
    [
        ("/v0/a_b/x", "a", "b"),
        ("/v0/a_b_c/x", "a", "b_c"),
        ("/v0/a__b/x", "a", "_b"),
        ("/v0/a-1_b-2/x", "a-1", "b-2"),
        ("/v1/a/b/x", "a", "b"),
        ("/v1/a_b/c_d/x", "a_b", "c_d"),
        ("/v1/_/-/x", "_", "-"),
    ],
)
def test_the_region_that_is_asked_for(
    api: Client, aai: Upstream, path: str, owner: str, region_id: str
) -> None:
    aai.reply = region_reply({(owner, region_id): region()})
    assert api.request("GET", PREFIX + path).status == 200
    assert aai.only().target.endswith(f"/cloud-region/{owner}/{region_id}")


@pytest.mark.parametrize(
    ("cloud_type", "version", "driver"),
    [
        ("openstack", "titanium_cloud", "multicloud-titaniumcloud"),
        ("openstack", "ocata", "multicloud-ocata"),
        ("openstack", "pike", "multicloud-pike"),
        ("openstack", "starlingx", "multicloud-starlingx"),
        ("openstack", "queens", "multicloud-ocata"),
        ("openstack", None, "multicloud-ocata"),
        ("openstack", 16, "multicloud-ocata"),
        ("openstack", "", "multicloud-ocata"),
        ("openstack", ["pike"], "multicloud-ocata"),
        ("vmware", "4.0", "multicloud-vio"),
        ("vmware", 4.0, "multicloud-vio"),
        ("vmware", "5.0", "multicloud-vio"),
        ("vsphere", "6.5", "multicloud-vio"),
        ("vsphere", None, "multicloud-vio"),
        ("azure", "1.0", "multicloud-azure"),
        ("azure", "2.0", "multicloud-azure"),
    ],
)
def test_driver_table(
    api: Client, aai: Upstream, msb: Upstream, cloud_type: object, version: object, driver: str
) -> None:
    aai.reply = region_reply({("owner", "region"): region(cloud_type, version)})
    assert api.request("GET", V0).status == 200
    assert api.request("GET", V1).status == 200
    assert [seen.target for seen in msb.seen] == [
        f"/api/{driver}/v0/owner_region/networks",
        f"/api/{driver}/v1/owner/region/networks",
    ]


@pytest.mark.parametrize("cloud_type", ["aws", "OpenStack", "", None, 7, ["openstack"], {}])
def test_unsupported_type(api: Client, aai: Upstream, msb: Upstream, cloud_type: object) -> None:
    aai.reply = region_reply({("owner", "region"): region(cloud_type)})
    assert text_of(api.request("GET", V0)) == (404, HTML, "Not support VIM type")
    assert not msb.seen


def test_the_fake_region_needs_no_aai(api: Client, aai: Upstream, msb: Upstream) -> None:
    assert api.request("GET", f"{PREFIX}/v0/vmware_fake/hosts").status == 200
    assert api.request("GET", f"{PREFIX}/v1/vmware/fake/hosts").status == 200
    assert not aai.seen
    assert [seen.target for seen in msb.seen] == [
        "/api/multicloud-vio/v0/vmware_fake/hosts",
        "/api/multicloud-vio/v1/vmware/fake/hosts",
    ]


REGION = json.dumps(region()).encode()


@pytest.mark.parametrize(
    "reply",
    [
        *(respond(status, REGION) for status in (203, 300, 302, 304, 400, 401, 403, 404, 500, 503)),
        respond(302, b"", ("Location", "/elsewhere")),
        drop,
        raw(b"", "reset"),
        raw(b"no http at all\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + REGION),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        chunked(REGION, end=False),
    ],
)
@pytest.mark.parametrize("path", [V0, V1])
def test_aai_does_not_tell(api: Client, aai: Upstream, msb: Upstream, reply: Reply, path: str) -> None:
    aai.reply = reply
    assert text_of(api.request("GET", path)) == UNKNOWN
    assert len(aai.seen) == 1
    assert not msb.seen


def test_aai_refuses_the_connection(in_process_with: Callable[..., Client], msb: Upstream) -> None:
    gone = Upstream()
    gone.close()
    assert text_of(in_process_with(aai_url=gone.url).request("GET", V0)) == UNKNOWN
    assert not msb.seen


@pytest.mark.parametrize("status", [200, 201, 202, 206])
def test_any_other_success_is_one(api: Client, aai: Upstream, status: int) -> None:
    aai.reply = respond(status, REGION)
    assert api.request("GET", V0).status == 200


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is not JSON"),
        (b"<xml/>", "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'"openstack"', "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b"{}", "lacks cloud-type"),
        (b'{"cloud-type": "openstack"}', "lacks cloud-region-version"),
        (b'{"cloud-region-version": "pike"}', "lacks cloud-type"),
        (b" " * (1 << 20) + REGION, "is too long"),
    ],
)
def test_aai_tells_nonsense(api: Client, aai: Upstream, msb: Upstream, body: bytes, why: str) -> None:
    aai.reply = respond(200, body)
    assert text_of(api.request("GET", V0)) == (500, HTML, f"The answer of A&AI cannot be used: it {why}.")
    assert not msb.seen


def test_no_content_is_no_region(api: Client, aai: Upstream) -> None:
    aai.reply = respond(204)
    assert text_of(api.request("GET", V0)) == (
        500,
        HTML,
        "The answer of A&AI cannot be used: it is not JSON.",
    )


def test_another_schema_and_table(
    in_process_with: Callable[..., Client], aai: Upstream, msb: Upstream
) -> None:
    table = [{"vim_type": "openstack", "versions": {"pike": "my-driver"}, "default": "other"}]
    api = in_process_with(aai_schema="v16", drivers=json.dumps(table))
    assert api.request("GET", V0).status == 200
    assert "/aai/v16/cloud-infrastructure/" in aai.only().target
    assert msb.only().target == "/api/my-driver/v0/owner_region/networks"
    assert (
        api.request("GET", f"{PREFIX}/v0/vim_types").body == b'[{"vim_type":"openstack","versions":["pike"]}]'
    )
    assert text_of(api.request("GET", f"{PREFIX}/v0/vmware_fake/x")) == (404, HTML, "Not support VIM type")


def test_answers_are_remembered_if_wanted(
    in_process_with: Callable[..., Client], aai: Upstream, msb: Upstream
) -> None:
    api = in_process_with(aai_cache_seconds="3600", aai_cache_entries="2")
    regions: dict[tuple[str, str], object] = {("owner", name): region() for name in ("r1", "r2", "r3")}
    aai.reply = region_reply(regions)
    for _ in range(3):
        assert api.request("GET", f"{PREFIX}/v1/owner/r1/x").status == 200
    assert len(aai.seen) == 1
    assert api.request("GET", f"{PREFIX}/v0/owner_r1/x").status == 200, "the same region by its other name"
    assert len(aai.seen) == 1
    for name in ("r2", "r3", "r2", "r3"):
        assert api.request("GET", f"{PREFIX}/v1/owner/{name}/x").status == 200
    assert len(aai.seen) == 3
    assert api.request("GET", f"{PREFIX}/v1/owner/r1/x").status == 200
    assert len(aai.seen) == 4, "the oldest one had made room"


@pytest.mark.parametrize("reply", [respond(404), respond(200, b"{}"), drop, respond_json(region("aws"), 500)])
def test_errors_are_never_remembered(
    in_process_with: Callable[..., Client], aai: Upstream, framework_name: str, reply: Reply
) -> None:
    api = in_process_with(aai_cache_seconds="3600")
    path = f"{PREFIX}/v1/owner/{framework_name}/x"
    aai.reply = reply
    assert api.request("GET", path).status in (404, 500)
    assert api.request("GET", path).status in (404, 500)
    assert len(aai.seen) == 2


@pytest.fixture
def framework_name(request: pytest.FixtureRequest) -> str:
    """A region of its own for each test: a worker's memory outlives a test."""
    return "".join(each if each.isalnum() else "-" for each in request.node.name)
