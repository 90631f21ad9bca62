"""Redirects of MSB are followed, at most five times, to allowed origins alone; no credentials and no body leave theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from support.api import HTML, PREFIX, Client, text_of
from support.upstream.server import Reply, Upstream, chunked, respond
from support.upstream.wire import Seen, Wire

PATH = f"{PREFIX}/v0/owner_region/x"


@pytest.fixture
def elsewhere() -> Iterator[Upstream]:
    """Another host that a redirect can lead to."""
    other = Upstream()
    yield other
    other.close()


def redirect(status: int, location: str, then: Reply | None = None) -> Reply:
    """Redirect the first request; answer others with ``then``."""
    last = then or respond(200, b"there", ("X-There", "1"))

    def reply(seen: Seen, wire: Wire) -> None:
        if seen.target.startswith("/there"):
            last(seen, wire)
        else:
            respond(status, b"moved", ("Location", location))(seen, wire)

    return reply


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("{url}/there", "/there"),
        ("/there", "/there"),
        ("/there?a=%2f&b", "/there?a=%2f&b"),
        ("/there/%7e%2F#part", "/there/%7e%2F"),
        ("/there/caf\xe9", "/there/caf%E9"),
        ("//{host}/there", "/there"),
        ("../../../../there", "/there"),
        ("/there/caf\xc3\xa9?\xc3\xa9", "/there/caf%C3%A9?%C3%A9"),
        ("/there/a b", "/there/a%20b"),
        (" {url}/there ", "/there"),
        ("HTTP://{host}/there", "/there"),
        ("http://user:password@{host}/there", "/there"),
    ],
)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_followed(api: Client, msb: Upstream, status: int, location: str, target: str) -> None:
    msb.reply = redirect(status, location.format(url=msb.url, host=msb.url[7:]))
    got = api.request("GET", PATH, {"X-Auth-Token": "t"})
    assert (got.status, got.body, got.value("X-There")) == (200, b"there", "1")
    assert [seen.target for seen in msb.seen][1:] == [target]
    assert msb.seen[1].value("X-Auth-Token") == "t"


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (300, "POST", "POST", b"{}"),
        (300, "GET", "GET", b""),
        (300, "HEAD", "HEAD", b""),
        (301, "POST", "POST", b"{}"),
        (302, "POST", "GET", b""),
        (303, "POST", "GET", b""),
        (307, "POST", "POST", b"{}"),
        (308, "PUT", "PUT", b"{}"),
        (302, "PUT", "GET", b""),
        (303, "DELETE", "GET", b""),
        (307, "DELETE", "DELETE", b""),
        (302, "HEAD", "HEAD", b""),
        (303, "HEAD", "HEAD", b""),
    ],
)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_method(
    api: Client, msb: Upstream, status: int, method: str, then: str, body: bytes, framing: str
) -> None:
    msb.reply = redirect(status, "/there")
    sent = b"{}" if method in ("POST", "PUT") else None
    fields = {"Content-Type": "application/json"} if sent else {}
    if sent and framing == "chunked":
        fields["Transfer-Encoding"] = "chunked"
    assert api.request(method, PATH, fields, sent).status == 200
    first, second = msb.seen
    assert (first.method, first.body) == (method, sent or b"")
    assert (second.method, second.body) == (then, body)
    assert second.value("Content-Type") == ("application/json" if body else None)
    assert body or second.value("Transfer-Encoding") is None


def test_without_a_place_300_is_an_answer(api: Client, msb: Upstream) -> None:
    msb.reply = respond(300, b'{"choices": []}')
    got = api.request("GET", PATH)
    assert (got.status, got.body, got.value("Content-Type")) == (300, b'{"choices": []}', HTML)
    assert len(msb.seen) == 1


@pytest.mark.parametrize("status", [304, 305, 306, 399])
def test_other_statuses_lead_nowhere(api: Client, msb: Upstream, status: int) -> None:
    msb.reply = respond(status, b"", ("Location", "/there"))
    assert api.request("GET", PATH).status == status
    assert len(msb.seen) == 1


@pytest.mark.parametrize("status", [300, 302, 307])
def test_a_loop_ends(api: Client, msb: Upstream, status: int) -> None:
    msb.reply = respond(status, b"moved", ("Location", "/round"))
    got = api.request("GET", PATH)
    assert (got.status, got.body, len(msb.seen)) == (status, b"moved", 6)


def test_a_query_without_a_path(api: Client, msb: Upstream) -> None:
    msb.reply = redirect(302, f"{msb.url}?there")
    assert api.request("GET", PATH).status == 302
    assert [seen.target for seen in msb.seen[1:]] == ["/?there"] * 5


@pytest.mark.parametrize("name", ["Authorization", "Cookie"])
def test_credentials_go_to_the_same_host_by_another_name(api: Client, msb: Upstream, name: str) -> None:
    """Scheme and host are case-insensitive (RFC 3986, section 6.2.2.1), and user information is no host."""
    msb.reply = redirect(302, f"HTTP://a:b@{msb.url[7:]}/there")
    assert api.request("GET", PATH, {name: "x"}).status == 200
    assert msb.seen[1].value(name) == "x"


@pytest.mark.parametrize("redirects", [5, 6])
def test_at_most_five(api: Client, msb: Upstream, redirects: int) -> None:
    def reply(seen: Seen, wire: Wire) -> None:
        number = len(msb.seen)
        last = respond(200, b"there")
        (respond(302, b"moved", ("Location", f"/{number}")) if number <= redirects else last)(seen, wire)

    msb.reply = reply
    got = api.request("GET", PATH)
    assert len(msb.seen) == 6
    expected = (200, b"there") if redirects == 5 else (302, b"moved")
    assert (got.status, got.body) == expected
    assert got.value("Location") is None


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "ftp://127.0.0.1/x",
        "http://",
        "http://[::1",
        "http://h:99999/",
        "mailto:a",
        "http:///there",
        "http:/there",
        "http:there",
        "//",
        "///there",
        "http://:80/there",
        "http://h:0/",
    ],
)
def test_led_nowhere(api: Client, msb: Upstream, location: str | None) -> None:
    msb.reply = respond(302, b"moved", *([] if location is None else [("Location", location)]))
    got = api.request("GET", PATH)
    if location == "":  # a relative reference to the same target (RFC 3986, section 4.4)
        assert len(msb.seen) == 6
    else:
        assert len(msb.seen) == 1
    assert (got.status, got.body, got.value("Content-Type")) == (302, b"moved", HTML)


REFUSED = (
    500,
    HTML,
    "The driver's answer could not be had from MSB:"
    " it redirects to an origin that MULTICLOUD_REDIRECT_ORIGINS does not name.",
)
SECRETS = {
    "Authorization": "Basic eA==",
    "Cookie": "a=1",
    "X-Auth-Token": "t",
    "X-Subject-Token": "s",
    "X-Storage-Token": "of a cloud that nobody here knows",
    "Project": "p",
    "Tenant": "t",
    "X-Forwarded-For": "10.0.0.1",
    "Referer": "http://inside/",
}
KEYSTONE = b'{"auth": {"identity": {"password": {"user": {"password": "secret"}}}}}'


@pytest.mark.parametrize(
    "location",
    [
        "{url}/there",
        "//{host}/there",
        "HTTP://{host}/there",
        "http://{msb}@{host}/there",
        "http://{msb}:80@{host}/there",
        "http://{host}?{msb}/there",
        "http://{host}#@{msb}/there",
        "\\t//{host}/there",
        "https://{msb}/there",
        "http://localhost:{port}/there",
        "http://127.0.0.1./there",
        "http://[::ffff:127.0.0.1]:{port}/there",
        "http://127.0.0.1/there",
    ],
)
@pytest.mark.parametrize(("status", "method"), [(300, "GET"), (302, "POST"), (303, "POST"), (307, "POST")])
def test_no_other_origin(
    api: Client, msb: Upstream, elsewhere: Upstream, status: int, method: str, location: str
) -> None:
    """An origin is scheme, host and port, as they are written; user information is none of them."""
    place = location.format(url=elsewhere.url, host=elsewhere.url[7:], msb=msb.url[7:], port=msb.port)
    msb.reply = redirect(status, place.replace("\\t", "\t"))
    got = api.request(method, PATH, SECRETS, KEYSTONE if method == "POST" else None)
    assert text_of(got) == REFUSED
    assert len(msb.seen) == 1
    assert not elsewhere.connections


def test_another_port_of_the_same_host_is_another_origin(
    in_process_with: Callable[..., Client], msb: Upstream
) -> None:
    msb.reply = redirect(302, f"http://127.0.0.1:{msb.port + 1 if msb.port < 65535 else 1024}/there")
    assert text_of(in_process_with().request("GET", PATH, SECRETS)) == REFUSED


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_an_allowed_origin_gets_no_secrets(
    in_process_with: Callable[..., Client], msb: Upstream, elsewhere: Upstream, status: int
) -> None:
    api = in_process_with(redirect_origins=f"https://images:8443, {elsewhere.url}/")
    msb.reply = redirect(status, f"{elsewhere.url}/there?a=%2f")
    elsewhere.reply = respond(200, b"there")
    harmless = {"Accept": "*/*", "Range": "bytes=0-9", "User-Agent": "u", "X-TransactionId": "t-1"}
    got = api.request("GET", PATH, SECRETS | harmless)
    assert (got.status, got.body) == (200, b"there")
    for name, value in (SECRETS | harmless).items():
        assert msb.only().value(name) == value
    seen = elsewhere.only()
    assert seen.target == "/there?a=%2f"
    assert {name.lower(): value for name, value in seen.fields} == {
        "host": elsewhere.url[7:],
        "accept": "*/*",
        "range": "bytes=0-9",
        "user-agent": "u",
        "x-transactionid": "t-1",
    }


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_an_allowed_origin_gets_no_body(
    in_process_with: Callable[..., Client], msb: Upstream, elsewhere: Upstream, status: int, framing: str
) -> None:
    api = in_process_with(redirect_origins=elsewhere.url)
    msb.reply = redirect(status, f"{elsewhere.url}/there")
    fields = {"Transfer-Encoding": "chunked"} if framing == "chunked" else {}
    got = api.request("POST", PATH, {**SECRETS, **fields, "Content-Type": "application/json"}, KEYSTONE)
    assert msb.only().body == KEYSTONE
    if status in (302, 303):
        assert got.status == 200
        seen = elsewhere.only()
        assert (seen.method, seen.body) == ("GET", b"")
        assert {name.lower() for name, _ in seen.fields} == {"host", "x-transactionid"}
    else:
        why = "it redirects a request with a body to another origin"
        assert text_of(got) == (500, HTML, f"The driver's answer could not be had from MSB: {why}.")
        assert not elsewhere.connections


def test_what_was_left_behind_does_not_come_back(
    in_process_with: Callable[..., Client], msb: Upstream, elsewhere: Upstream
) -> None:
    """The other origin may lead back to MSB, but not with the client's token: it would choose what is done with it."""
    msb.reply = redirect(307, f"{elsewhere.url}/on")
    elsewhere.reply = respond(307, b"", ("Location", f"{msb.url}/there"))
    api = in_process_with(redirect_origins=elsewhere.url)
    assert api.request("DELETE", PATH, SECRETS).body == b"there"
    assert [seen.method for seen in (*msb.seen, *elsewhere.seen)] == ["DELETE"] * 3
    assert {name.lower() for name, _ in msb.seen[1].fields} == {"host", "x-transactionid"}


@pytest.mark.parametrize("port", ["", ":80", ":"])
def test_a_default_port_is_one_with_none(
    in_process_with: Callable[..., Client], port: str, msb: Upstream
) -> None:
    """Nothing listens there: that the redirect is followed shows in what fails."""
    api = in_process_with(redirect_origins="http://127.0.0.1:80")
    msb.reply = redirect(302, f"http://127.0.0.1{port}/there")
    assert text_of(api.request("GET", PATH)) != REFUSED


@pytest.mark.parametrize("allowed", [False, True])
def test_no_question_of_ours_leaves_either(
    in_process_with: Callable[..., Client], msb: Upstream, elsewhere: Upstream, allowed: bool
) -> None:
    api = in_process_with(**({"redirect_origins": elsewhere.url} if allowed else {}))
    msb.reply = redirect(307, f"{elsewhere.url}/there")
    elsewhere.reply = respond(200, b'{"result": true}')
    body = json.dumps({"VIMs": ["owner_region"]}).encode()
    got = api.request("POST", f"{PREFIX}/v0/check_vim_capacity", SECRETS, body)
    assert (got.status, got.body) == (200, b'{"VIMs":[]}')
    assert msb.only().value("X-Auth-Token") == "t"
    assert not elsewhere.connections


def test_a_long_body_is_not_sent_again(api: Client, msb: Upstream) -> None:
    msb.reply = redirect(307, "/there")
    got = api.request("POST", PATH, {}, b"x" * 70_000)
    assert (got.status, got.body, len(msb.seen)) == (307, b"moved", 1)
    msb.reset()
    msb.reply = redirect(303, "/there")
    assert api.request("POST", PATH, {}, b"x" * 70_000).body == b"there"


def test_a_redirect_before_the_body_was_taken(api: Client, msb: Upstream) -> None:
    """Whoever answers early and closes has not taken the body, and the place that it names gets all of it."""
    msb.read_bodies = False
    bodies = []

    def reply(seen: Seen, wire: Wire) -> None:
        if seen.target == "/there":
            wire.read_body(seen)
            bodies.append(seen.body)
            respond(200, b"there")(seen, wire)
        else:
            wire.send(b"HTTP/1.1 307 Moved\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n")
            wire.close()

    msb.reply = reply
    assert api.request("PUT", PATH, {"Transfer-Encoding": "chunked"}, b"x" * 60_000).body == b"there"
    assert bodies == [b"x" * 60_000]


def test_the_body_of_a_redirect_does_not_matter(api: Client, msb: Upstream) -> None:
    def reply(seen: Seen, wire: Wire) -> None:
        if seen.target == "/there":
            respond(200, b"there")(seen, wire)
        else:
            wire.send(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 99999999\r\n\r\n")

    msb.reply = reply
    assert api.request("GET", PATH).body == b"there"
    msb.reply = redirect(302, "/there", chunked(b"there"))
    assert api.request("GET", PATH).body == b"there"
