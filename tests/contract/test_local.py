"""What the API answers by itself: vim_types, swagger.json, and every refusal that needs no lookup."""

from __future__ import annotations

import json

import pytest

from support.api import HTML, PREFIX, Client, text_of
from support.upstream.server import Upstream

VIM_TYPES = (
    b'[{"vim_type":"openstack","versions":["titanium_cloud","ocata","pike","starlingx"]},'
    b'{"vim_type":"vmware","versions":["4.0"]},{"vim_type":"vsphere","versions":["6.5"]},'
    b'{"vim_type":"azure","versions":["1.0"]}]'
)


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_vim_types(api: Client, version: str) -> None:
    got = api.request("GET", f"{PREFIX}/{version}/vim_types")
    assert (got.status, got.value("Content-Type"), got.body) == (200, "application/json", VIM_TYPES)
    assert got.value("Content-Length") == str(len(VIM_TYPES))


def test_swagger(api: Client) -> None:
    got = api.request("GET", f"{PREFIX}/v0/swagger.json")
    assert (got.status, got.value("Content-Type")) == (200, "application/json")
    assert json.loads(got.body)["info"]["title"] == "MultiVIM Service rest API"


@pytest.mark.parametrize("path", ["/v0/vim_types", "/v1/vim_types", "/v0/swagger.json"])
def test_head_is_get_without_its_body(api: Client, path: str) -> None:
    got, full = api.request("HEAD", PREFIX + path), api.request("GET", PREFIX + path)
    assert (got.status, got.body) == (200, b"")
    for name in ("Content-Type", "Content-Length"):
        assert got.value(name) == full.value(name)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/multicloud",
        "/api/multicloud/",
        "/api/multicloud/v0",
        "/api/multicloud/v0/",
        "/api/multicloud/v2/vim_types",
        "/api/multicloud/v1/swagger.json",
        "/api/multicloud/v1/",
        "/api/multicloud/v1/owner",
        "/api/multicloud/v1/owner/",
        "/api/multicloud/V0/vim_types",
        "/API/multicloud/v0/vim_types",
        "/api/multicloud/v0/Vim.Types",
        "/api/multicloud/v0/owner_region%0A",
        "/api/multicloud/v0/owner.region/networks",
        "/api/multicloud/v1/owner/re%20gion/networks",
        "/api/multicloud/v0/swagger.json/",
        "/api/multicloud/v0/own%C3%A9r_region/x",
        "/api/multicloud/v0/vim_types\xc3\xa9",
        "/\xc3\xa9\xff",
        "/%FF%FE",
        "//api/multicloud/v0/vim_types",
        "/x/api/multicloud/v0/vim_types",
        "/api/multicloud-ocata/v0/owner_region/networks",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_unmatched(api: Client, msb: Upstream, method: str, path: str) -> None:
    body = b"{}" if method == "POST" else None
    got = api.request(method, path, {"Content-Type": "application/json"} if body else {}, body)
    assert text_of(got) == (404, HTML, "Not Found")
    assert not msb.seen


@pytest.mark.parametrize(
    ("path", "allow", "wrong"),
    [
        ("/v0/vim_types", "GET, HEAD, OPTIONS", "POST PUT PATCH DELETE"),
        ("/v1/vim_types", "GET, HEAD, OPTIONS", "POST DELETE"),
        ("/v0/swagger.json", "GET, HEAD, OPTIONS", "POST"),
        ("/v0/check_vim_capacity", "POST, OPTIONS", "GET HEAD PUT"),
        ("/v1/check_vim_capacity", "POST, OPTIONS", "GET DELETE"),
        ("/v0/owner_region/identity/v3", "GET, POST, HEAD, OPTIONS", "PUT PATCH DELETE"),
        ("/v0/owner_region/identity/v3/auth/tokens", "GET, POST, HEAD, OPTIONS", "PUT DELETE"),
        ("/v0/owner_region/registry", "GET, POST, HEAD, OPTIONS", "DELETE"),
        ("/v0/owner_region", "DELETE, OPTIONS", "GET HEAD POST PUT PATCH"),
        ("/v0/owner_region/extensions", "GET, HEAD, OPTIONS", "POST"),
        ("/v1/owner/region/identity/v3", "GET, POST, HEAD, OPTIONS", "PUT"),
        ("/v1/owner/region/identity/v3/auth/tokens", "GET, POST, HEAD, OPTIONS", "PATCH"),
        ("/v1/owner/region/registry", "GET, POST, HEAD, OPTIONS", "DELETE"),
        ("/v1/owner/region", "DELETE, OPTIONS", "GET POST"),
        ("/v1/owner/region/extensions", "GET, HEAD, OPTIONS", "DELETE"),
        ("/v1/owner/region/infra_workload", "GET, POST, DELETE, HEAD, OPTIONS", "PUT PATCH"),
        ("/v1/owner/region/infra_workload/7", "GET, POST, DELETE, HEAD, OPTIONS", "PUT"),
        ("/v1/owner/region/infra_workloads", "GET, POST, DELETE, HEAD, OPTIONS", "PATCH"),
        ("/v0/owner_region/networks", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS", "TRACE"),
        ("/v0/owner_region/", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS", "TRACE"),
        ("/v1/owner/region/networks", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS", "TRACE"),
    ],
)
def test_methods(api: Client, aai: Upstream, msb: Upstream, path: str, allow: str, wrong: str) -> None:
    got = api.request("OPTIONS", PREFIX + path)
    assert (got.status, got.value("Allow"), got.body) == (200, allow, b"")
    for method in wrong.split():
        got = api.request(method, PREFIX + path)
        assert (got.status, got.value("Allow")) == (405, allow)
        if method != "HEAD":
            assert text_of(got)[1:] == (
                "application/json",
                f'{{"detail":"Method \\"{method}\\" not allowed."}}',
            )
    assert not aai.seen
    assert not msb.seen


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v0/vim_types", "GET, HEAD, OPTIONS"),
        ("/v0/swagger.json", "GET, HEAD, OPTIONS"),
        ("/v1/check_vim_capacity", "POST, OPTIONS"),
        ("/v0/owner_region", "DELETE, OPTIONS"),
        ("/v0/owner_region/identity/v3/auth/tokens", "GET, POST, HEAD, OPTIONS"),
        ("/v1/owner/region/extensions?x=1", "GET, HEAD, OPTIONS"),
        ("/v1/owner/region/infra_workload/7", "GET, POST, DELETE, HEAD, OPTIONS"),
        ("/v0/owner_region/networks?a=%2f", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("/v1/owner/region/", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("/v0/owner/networks", "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"),
    ],
)
@pytest.mark.parametrize(
    "method",
    ["FOO", "PROPFIND", "QUERY", "TRACE", "CONNECT", "PRI", "get", "Post", "options", "head", "G", "A" * 2000,
     "!#$%&'*+-.^_`|~1"],
)  # fmt: skip
def test_an_unknown_method_is_refused_as_any_wrong_one(
    api: Client, aai: Upstream, msb: Upstream, method: str, path: str, allow: str
) -> None:
    body = None if method == "TRACE" else b"{}"
    got = api.request(method, PREFIX + path, {"Content-Type": "multipart/form-data; boundary=x"}, body)
    assert text_of(got) == (405, "application/json", f'{{"detail":"Method \\"{method}\\" not allowed."}}')
    assert (got.reason, got.value("Allow")) == ("Method Not Allowed", allow)
    assert api.request(method, PREFIX + path, {"Accept": "text/html"}).status == 406
    assert not aai.seen
    assert not msb.seen


@pytest.mark.parametrize("method", ["FOO", "TRACE", "CONNECT", "get"])
@pytest.mark.parametrize("path", ["/", "/api/multicloud/v2/vim_types", "/api/multicloud/v1/swagger.json"])
def test_an_unknown_method_of_an_unknown_path(api: Client, method: str, path: str) -> None:
    assert text_of(api.request(method, path)) == (404, HTML, "Not Found")


@pytest.mark.parametrize(
    ("accept", "admitted"),
    [
        ("application/json", True),
        ("*/*", True),
        ("application/*", True),
        ("text/html, */*;q=0.1", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("APPLICATION/JSON; charset=utf-8", True),
        ('text/plain;x="a,b", application/json', True),
        ("", True),
        ("text/html", False),
        ("text/*, image/png", False),
        ("application/xml", False),
        ("application/json;q=0", False),
        ("application/json;q=0, */*", False),
        ("application/*;q=0, application/json", True),
        ("nonsense", False),
    ],
)
@pytest.mark.parametrize("path", ["/v0/vim_types", "/v0/owner_region/networks", "/v1/owner/region/networks"])
def test_accept(api: Client, aai: Upstream, msb: Upstream, path: str, accept: str, admitted: bool) -> None:
    got = api.request("GET", PREFIX + path, {"Accept": accept})
    if admitted:
        assert got.status == 200
    else:
        detail = '{"detail":"Could not satisfy the request Accept header."}'
        assert text_of(got) == (406, "application/json", detail)
        assert not aai.seen
        assert not msb.seen


def test_accept_comes_before_the_method_and_the_body(api: Client) -> None:
    no_json = {"Accept": "text/html", "Content-Type": "multipart/form-data; boundary=x"}
    assert api.request("PUT", f"{PREFIX}/v0/vim_types", no_json, b"").status == 406
    assert api.request("OPTIONS", f"{PREFIX}/v0/vim_types", no_json).status == 406
    assert api.request("POST", f"{PREFIX}/v1/owner/region/infra_workload", no_json, b"--x--").status == 406


@pytest.mark.parametrize("vim_id", ["owner", "_region", "owner_", "_", "-"])
@pytest.mark.parametrize("rest", ["/networks", "/identity/v3", "/"])
def test_region_id_without_both_parts(
    api: Client, aai: Upstream, msb: Upstream, vim_id: str, rest: str
) -> None:
    got = api.request("GET", f"{PREFIX}/v0/{vim_id}{rest}")
    assert text_of(got) == (400, HTML, f"The region id {vim_id} must have two parts: owner_region.")
    assert not aai.seen
    assert not msb.seen


def test_multipart_is_refused_before_any_lookup(api: Client, aai: Upstream, msb: Upstream) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n1\r\n--x--\r\n'
    for content_type in ("multipart/form-data; boundary=x", "Multipart/Mixed; boundary=x"):
        got = api.request(
            "POST", f"{PREFIX}/v1/owner/region/infra_workload/a", {"Content-Type": content_type}, body
        )
        assert text_of(got) == (400, "application/json", '{"error":"multipart API is not supported yet"}')
    assert not aai.seen
    assert not msb.seen


def test_multipart_goes_on_everywhere_else(api: Client, msb: Upstream) -> None:
    body = b"--x\r\n\r\n1\r\n--x--\r\n"
    fields = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("/v0/owner_region/infra_workload", "/v1/owner/region/images"):
        assert api.request("POST", PREFIX + path, fields, body).status == 200
        assert (msb.seen[-1].body, msb.seen[-1].value("Content-Type")) == (body, fields["Content-Type"])


def test_an_answer_names_the_request(api: Client) -> None:
    path = f"{PREFIX}/v0/vim_types"
    assert api.request("GET", path, {"X-TransactionId": "abc-1"}).value("X-Request-ID") == "abc-1"
    assert api.request("GET", path, {"X-Request-ID": "abc-2"}).value("X-Request-ID") == "abc-2"
    both = {"X-Request-ID": "abc-2", "X-TransactionId": "abc-1"}
    assert api.request("GET", path, both).value("X-Request-ID") == "abc-1"
    odd = [{"X-TransactionId": each} for each in ("", "a b", "x" * 129)]
    made = {api.request("GET", path, fields).value("X-Request-ID") for fields in odd}
    assert len(made) == 3
    assert all(each and len(each) == 32 for each in made)
