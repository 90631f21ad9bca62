"""What arrives at the driver: method, target, header fields and body as the client sent them, once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from support.api import HTML, PASSWORD, PREFIX, Client, text_of
from support.upstream.server import Upstream, respond

V0, V1 = f"{PREFIX}/v0/owner_region", f"{PREFIX}/v1/owner/region"
DRIVER_V0, DRIVER_V1 = "/api/multicloud-pike/v0/owner_region", "/api/multicloud-pike/v1/owner/region"


@pytest.mark.parametrize(
    "rest",
    [
        "/identity/v3",
        "/identity/v3/auth/tokens",
        "/registry",
        "/extensions",
        "/networks",
        "/identity/v3/",
        "/registry/",
        "/extensions/",
        "/",
        "//",
        "/multicloud/networks",
        "/api/multicloud/v0/owner_region/x",
        "/a%2Fb/c",
        "/a%2fb/c",
        "/%7Etilde/%41/~",
        "/a%20b+c",
        "/%E2%82%AC/%ff%fe",
        "/a%0Ab",
        "/x/%2e%2e/./y/../z",
        "/a%2F..%2fb",
        "/a;b=c,d@e:f!$&'()*+=",
        "/a//b///",
        "/%",
        "/%zz/100%",
        "/networks?name=a&name=b",
        "/networks?",
        "/networks??a=/../?b",
        "/networks?name=%41%2f&multicloud=multicloud",
        "/networks?x=a+b%20c&y[]=1",
        "/networks?a%3Db%26c=%23%3F%2F;d=e&&=",
        "/a;b/..;/c",
        "/./a/b/%2e%2E/..//",
        "/...",
        "/..a/b../.a/a.",
        "/%252e%252e/%252E./x",
        "/networks?a=/../../../..",
    ],
)
@pytest.mark.parametrize(("base", "driver"), [(V0, DRIVER_V0), (V1, DRIVER_V1)], ids=["v0", "v1"])
def test_target(api: Client, msb: Upstream, base: str, driver: str, rest: str) -> None:
    assert api.request("GET", base + rest).status == 200
    assert (msb.only().method, msb.only().target) == ("GET", driver + rest)


LEAVES = "The path leaves its region by dot segments ('..'), plain or encoded: write it without them."


@pytest.mark.parametrize(
    "rest",
    [
        "/..",
        "/../",
        "/../x",
        "/%2e%2e/x",
        "/%2E%2E/x",
        "/.%2e/x",
        "/%2E./x",
        "/%2e%2e/./../x",
        "/a/../../x",
        "/./%2e/..//../",
        "/a//../../x",
        "/a///../../x",
        "/..%2fx",
        "/%2e%2e%2Fx",
        "/a%2f..%2f..%2fx",
        "/a%2fb/../../x",
        "/..\\x",
        "/..%5cx",
        "/a%5C..%5c..%5Cx",
        "/a\\b/../../x",
        "/..;/x",
        "/..;a=b/x",
        "/..%3Ba/x",
        "/%2e%2e;/x",
        "/.;/..;/x",
        "%2f..%2fx",
        "/../region_owner/x",
        "/../../v1/region/owner/x",
        "/../../../multicloud-vio/v0/owner_region/x",
        "/../../../../../../../aai/x",
        "/../x?a=b",
        "/identity/v3/../../../x",
    ],
)
@pytest.mark.parametrize("base", [V0, V1], ids=["v0", "v1"])
def test_dot_segments_stay_in_their_region(
    api: Client, aai: Upstream, msb: Upstream, base: str, rest: str
) -> None:
    """Whatever MSB, a proxy before it or the driver makes of a path: it is one of the region whose driver is asked."""
    assert text_of(api.request("GET", base + rest)) == (400, HTML, LEAVES)
    assert not aai.seen
    assert not msb.seen


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/\u20ac/\U0001f600?name=\u00e4&\u20ac", "/%E2%82%AC/%F0%9F%98%80?name=%C3%A4&%E2%82%AC"),
        ("/%C3%A9\u00e9%2F?%e9\u00e9", "/%C3%A9%C3%A9%2F?%e9%C3%A9"),
        ("?\u00e9", "/?%C3%A9"),
        ("/\u0080\u009f\u00a0\u2028", "/%C2%80%C2%9F%C2%A0%E2%80%A8"),
    ],
)
@pytest.mark.parametrize(("base", "driver"), [(V0, DRIVER_V0), (V1, DRIVER_V1)], ids=["v0", "v1"])
def test_raw_utf8_is_encoded(
    api: Client, msb: Upstream, base: str, driver: str, sent: str, arrives: str
) -> None:
    rest = sent if sent.startswith("/") else f"/{sent}"
    assert api.request("GET", base + rest.encode().decode("latin-1")).status == 200
    assert msb.only().target == driver + arrives


@pytest.mark.parametrize("byte", [0x80, 0xA0, 0xC3, 0xE9, 0xFE, 0xFF])
def test_other_bytes_are_encoded_as_they_are(api: Client, msb: Upstream, byte: int) -> None:
    """They are no UTF-8; which characters were meant is the driver's to judge."""
    assert api.request("GET", f"{V0}/a{chr(byte)}?b{chr(byte)}").status == 200
    assert msb.only().target == f"{DRIVER_V0}/a%{byte:02X}?b%{byte:02X}"


@pytest.mark.parametrize("rest", ["/a{}", "/a?b{}c", "/networks?{}"])
@pytest.mark.parametrize("byte", [0, 1, 8, 9, 10, 11, 12, 13, 14, 27, 31, 32, 127])
def test_control_bytes_and_spaces_are_refused(
    in_process_with: Callable[..., Client], aai: Upstream, msb: Upstream, byte: int, rest: str
) -> None:
    """The worker refuses them itself (tests/support/http_cases.py); other servers let some of them through."""
    got = in_process_with().request("GET", V0 + rest.format(chr(byte)))
    refusal = "The request target holds a control byte or a space: encode it by percent."
    assert text_of(got) == (400, HTML, refusal)
    assert not aai.seen
    assert not msb.seen


@pytest.mark.parametrize("segment", ["owner_r\u00e9gion", "owner\u00e9_region"])
def test_a_region_id_is_ascii(api: Client, msb: Upstream, segment: str) -> None:
    got = api.request("GET", f"{PREFIX}/v0/{segment}/x".encode().decode("latin-1"))
    assert text_of(got) == (404, HTML, "Not Found")


def test_unregister(api: Client, msb: Upstream) -> None:
    for base, driver in ((V0, DRIVER_V0), (V1, DRIVER_V1)):
        msb.reset()
        msb.reply = respond(204)
        assert api.request("DELETE", base).status == 204
        assert (msb.only().method, msb.only().target) == ("DELETE", driver)


@pytest.mark.parametrize(
    "rest", ["/infra_workload", "/infra_workload/", "/infra_workload/7?x=1", "/infra_workloads"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD"])
def test_infra_workload(api: Client, msb: Upstream, method: str, rest: str) -> None:
    assert api.request(method, V1 + rest).status == 200
    assert (msb.only().method, msb.only().target) == (method, DRIVER_V1 + rest)


@pytest.mark.parametrize("prefix", ["/api%2Fmulticloud", "%2Fapi/multicloud"])
def test_an_encoded_slash_is_no_separator_of_the_prefix(api: Client, msb: Upstream, prefix: str) -> None:
    got = api.request("GET", f"{'' if prefix[0] == '/' else '/'}{prefix}/v0/owner_region/x")
    assert got.status == 404
    assert not msb.seen


def test_encoded_letters_of_the_prefix(api: Client, msb: Upstream) -> None:
    assert api.request("GET", "/api/%6Dulticloud/v0/own%65r_region/x").status == 200
    assert msb.only().target == "/api/multicloud-pike/v0/own%65r_region/x"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
@pytest.mark.parametrize("body", [None, b"", b'{"a": 1}', bytes(range(256)) * 10])
def test_method_and_body(api: Client, msb: Upstream, method: str, body: bytes | None) -> None:
    fields = {} if body is None else {"Content-Type": "application/x-anything; a=b"}
    assert api.request(method, f"{V0}/x", fields, body).status == 200
    seen = msb.only()
    assert (seen.method, seen.body) == (method, body or b"")
    assert seen.value("Content-Type") == fields.get("Content-Type")
    assert seen.value("Transfer-Encoding") is None
    if body is not None:
        assert seen.value("Content-Length") == str(len(body))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/javascript",
        "text/plain",
        "nonsense",
    ],
)
@pytest.mark.parametrize(
    "body", [b"a=1&b=2", b"{not json", b"\xff\x00\xfe", b'["x"]', b"--x\r\n\r\n1\r\n--x--"]
)
def test_no_framework_touches_a_body(api: Client, msb: Upstream, content_type: str, body: bytes) -> None:
    assert api.request("POST", f"{V0}/x?q=%ff", {"Content-Type": content_type}, body).status == 200
    assert (msb.only().body, msb.only().value("Content-Type")) == (body, content_type)


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
@pytest.mark.parametrize("size", [1, 65536, 300_000])
def test_chunked_body(api: Client, msb: Upstream, method: str, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert api.request(method, f"{V1}/x", {"Transfer-Encoding": "chunked"}, body).status == 200
    seen = msb.only()
    assert (seen.method, seen.digest) == (method, hashlib.sha256(body).hexdigest())
    assert (seen.value("Transfer-Encoding"), seen.value("Content-Length")) == ("chunked", None)


def test_large_body(api: Client, msb: Upstream) -> None:
    body = bytes(range(256)) * 20_000
    assert (
        api.request("PUT", f"{V0}/images/1", {"Content-Type": "application/octet-stream"}, body).status == 200
    )
    assert msb.only().digest == hashlib.sha256(body).hexdigest()


def test_header_fields(api: Client, msb: Upstream) -> None:
    fields = {
        "X-Auth-Token": "gAAAA-token",
        "Project": "p1",
        "Tenant": "t1",
        "Authorization": "Basic Y2xpZW50OnNlY3JldA==",
        "Cookie": "a=1; b=2",
        "Accept": "application/json",
        "Accept-Encoding": "gzip, br",
        "User-Agent": "curl/8.5.0",
        "If-None-Match": '"x"',
        "Range": "bytes=0-9",
        "X-Forwarded-For": "10.0.0.1",
        "X-Latin": "caf\xe9",
        "X-Empty": "",
        "X-TransactionId": "weird id",
    }
    assert api.request("GET", f"{V0}/networks", fields).status == 200
    seen = msb.only()
    for name, value in fields.items():
        assert seen.value(name) == value
    assert seen.value("Host") == f"127.0.0.1:{msb.port}"


def test_credentials_stay_with_those_whom_they_are_for(api: Client, aai: Upstream, msb: Upstream) -> None:
    """A client's with MSB, Mooring's own with A&AI, in whatever field they would come."""
    secrets = {
        name: f"secret-{name}" for name in ("X-Auth-Token", "X-Subject-Token", "Authorization", "Cookie")
    }
    assert api.request("POST", f"{V0}/networks", secrets, b"secret-body").status == 200
    asked, sent = aai.only(), msb.only()
    assert b"secret-" not in asked.head + asked.body
    assert {sent.value(name) for name in secrets} == set(secrets.values())
    own = asked.value("Authorization")
    assert own is not None
    assert own.split()[1].encode() not in sent.head + sent.body
    assert PASSWORD.encode() not in sent.head + sent.body


def test_nothing_is_added_but_the_request_id(api: Client, msb: Upstream) -> None:
    assert api.request("GET", f"{V0}/networks", {"X-Request-ID": "r-1"}).status == 200
    names = {name.lower() for name, _ in msb.only().fields}
    assert names == {"host", "x-request-id", "x-transactionid"}
    assert msb.only().value("X-TransactionId") == "r-1"


def test_hop_by_hop_fields_end_here(api: Client, msb: Upstream) -> None:
    fields = {
        "Connection": "keep-alive, X-Private, Upgrade",
        "X-Private": "1",
        "Keep-Alive": "timeout=5",
        "Proxy-Authorization": "Basic eA==",
        "Proxy-Connection": "keep-alive",
        "TE": "trailers",
        "Trailer": "X-Sum",
        "Upgrade": "h2c",
        "X-Kept": "1",
    }
    assert api.request("GET", f"{V0}/networks", fields).status == 200
    names = {name.lower() for name, _ in msb.only().fields}
    assert names == {"host", "x-kept", "x-transactionid"}


def test_msb_below_a_path(in_process_with: Callable[..., Client], msb: Upstream) -> None:
    assert in_process_with(msb_url=f"{msb.url}/iui/").request("GET", f"{V0}/x").status == 200
    assert msb.only().target == f"/iui{DRIVER_V0}/x"


def test_only_known_hosts(in_process_with: Callable[..., Client]) -> None:
    api = in_process_with(
        allowed_hosts="api.example.org,.example.net,[::1]", MOORING_SMOKE_HOST="example.net"
    )
    refusal = (400, HTML, "The Host field names no host of this service.")
    for host, known in [
        ("api.example.org", True),
        ("API.example.org:9001", True),
        ("example.net", True),
        ("a.b.example.net:80", True),
        ("[::1]:9001", True),
        ("example.org", False),
        ("evil-example.net", False),
        ("localhost", False),
    ]:
        got = api.request("GET", f"{PREFIX}/v0/vim_types", {"Host": host})
        assert got.status == 200 if known else text_of(got) == refusal
