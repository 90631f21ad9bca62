"""What comes back from the driver: status, header fields and body, whole, in pieces, or not at all."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable

import pytest

from multicloud.client import ResponseTooLargeError
from support.api import HTML, PREFIX, Client, text_of
from support.upstream.server import Reply, Upstream, chunked, drop, raw, respond
from support.upstream.wire import Seen, Wire

PATH = f"{PREFIX}/v0/owner_region/x"
JSON_TYPE = ("Content-Type", "application/json")


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", [b"", b"{}", b'{ "a" : "\xc3\xa9" }\n', bytes(range(256)) * 1000])
def test_success_goes_on_with_its_fields(api: Client, msb: Upstream, status: int, body: bytes) -> None:
    fields = [
        JSON_TYPE,
        ("X-Subject-Token", "t-1"),
        ("Location", "/v2/servers/1"),
        ("ETag", 'W/"x"'),
        ("X-Latin", "caf\xe9"),
        ("X-Empty", ""),
        ("Server", "driver/1"),
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ]
    msb.reply = respond(status, body, *fields)
    got = api.request("GET", PATH)
    assert (got.status, got.body) == (status, body)
    for name, value in fields:
        assert got.value(name) == value
    assert got.value("Content-Length") == str(len(body))


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_no_content(api: Client, msb: Upstream, method: str) -> None:
    msb.reply = respond(204, b"", ("X-Openstack-Request-Id", "req-1"))
    got = api.request(method, PATH)
    assert (got.status, got.body, got.value("X-Openstack-Request-Id")) == (204, b"", "req-1")
    assert got.value("Content-Length") is None
    assert got.value("Content-Type") is None


@pytest.mark.parametrize(
    "status", [203, 205, 206, 300, 304, 400, 401, 403, 404, 409, 418, 500, 501, 503, 504, 599]
)
@pytest.mark.parametrize("body", [b"", b'{"error": {"code": 1}}', b"<h1>no</h1>\xff"])
def test_any_other_status_goes_on_without_fields(
    api: Client, msb: Upstream, status: int, body: bytes
) -> None:
    if status in (205, 304):
        body = b""
    msb.reply = respond(
        status, body, JSON_TYPE, ("X-Secret", "1"), ("WWW-Authenticate", "Basic"), ("Location", "/")
    )
    got = api.request("GET", PATH)
    assert (got.status, got.body) == (status, body)
    assert got.value("Content-Type") == HTML
    known = {"content-type", "content-length", "x-request-id", "date", "server", "connection", "keep-alive"}
    assert {name.lower() for name, _ in got.fields} <= known


@pytest.mark.parametrize("status", [200, 404])
def test_head(api: Client, msb: Upstream, status: int) -> None:
    msb.reply = respond(status, b"x" * 1234, ("X-Image-Size", "7"))
    got = api.request("HEAD", PATH)
    assert (got.status, got.body, got.value("Content-Length")) == (status, b"", "1234")
    assert got.value("X-Image-Size") == ("7" if status == 200 else None)
    assert msb.only().method == "HEAD"


def test_several_cookies_stay_several(api: Client, msb: Upstream) -> None:
    cookies = ["a=1; Path=/; HttpOnly", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "a=3"]
    msb.reply = respond(
        200, b"{}", *(("Set-Cookie", cookie) for cookie in cookies), ("Link", "<a>"), ("Link", "<b>")
    )
    got = api.request("GET", PATH)
    assert got.values("Set-Cookie") == cookies
    assert got.values("Link") == ["<a>", "<b>"]


def test_hop_by_hop_fields_end_here(api: Client, msb: Upstream) -> None:
    lines = (
        b"Connection: close, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n"
        b"Proxy-Connection: close\r\nTE: x\r\nTrailer: X-Sum\r\nUpgrade: h2c\r\nX-Kept: 1\r\n"
    )
    msb.reply = raw(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\n{}")
    got = api.request("GET", PATH)
    assert (got.status, got.body, got.value("X-Kept")) == (200, b"{}", "1")
    names = {name.lower() for name, _ in got.fields}
    assert not names & {"x-private", "proxy-authenticate", "proxy-connection", "te", "trailer", "upgrade"}


def test_an_encoded_body_stays_encoded(api: Client, msb: Upstream) -> None:
    body = gzip.compress(b"x" * 100_000)
    msb.reply = respond(200, body, ("Content-Encoding", "gzip"))
    got = api.request("GET", PATH, {"Accept-Encoding": "gzip"})
    assert (got.body, got.value("Content-Encoding"), got.value("Content-Length")) == (
        body,
        "gzip",
        str(len(body)),
    )


@pytest.mark.parametrize("size", [10, 60_000, 1_000_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_encoded_body_without_its_field_is_decoded(
    api: Client, msb: Upstream, size: int, framing: str
) -> None:
    """Content-Encoding is one of the fields that do not go on; the body must be good without it."""
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    encoded = gzip.compress(body)
    head = b"HTTP/1.1 404 No\r\nContent-Encoding: gzip\r\n"
    if framing == "length":
        msb.reply = raw(head + b"Content-Length: %d\r\n\r\n%b" % (len(encoded), encoded), "keep")
    else:
        msb.reply = raw(
            head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(encoded), encoded),
            "keep",
        )
    for _ in range(2):
        got = api.request("GET", PATH)
        assert (got.status, got.body, got.value("Content-Type")) == (404, body, HTML)
        assert got.value("Content-Encoding") is None


def test_a_chain_of_codings_is_not_undone(api: Client, msb: Upstream) -> None:
    """A success goes on as it came; of any other answer too many codings are none."""
    chain = ("Content-Encoding", ", ".join(["gzip"] * 4))
    msb.reply = respond(200, b"as it came", chain)
    got = api.request("GET", PATH)
    assert (got.status, got.body, got.value("Content-Encoding")) == (200, b"as it came", chain[1])
    msb.reply = respond(404, b"whatever", chain)
    assert text_of(api.request("GET", PATH)) == failure("the answer's body has more than 3 content codings")


def test_a_bomb_is_cut(in_process_with: Callable[..., Client], msb: Upstream) -> None:
    """It passes as long as it is encoded, and is not unpacked without end: 100 KiB would be 100 MiB here."""
    bomb = gzip.compress(bytes(100 << 20))
    msb.reply = respond(200, bomb, ("Content-Encoding", "gzip"))
    assert in_process_with().request("GET", PATH).body == bomb
    msb.reply = respond(503, bomb, ("Content-Encoding", "gzip"))
    with pytest.raises(ResponseTooLargeError, match="decodes to more than 64 MiB"):
        in_process_with().request("GET", PATH)


@pytest.mark.parametrize(
    "pieces", [(), (b"{}",), (b"a" * 1000, b"b"), (b"x" * 70_000,) * 30], ids=["empty", "one", "two", "many"]
)
@pytest.mark.parametrize("status", [200, 404])
def test_chunked(api: Client, msb: Upstream, status: int, pieces: tuple[bytes, ...]) -> None:
    msb.reply = chunked(*pieces, status=status)
    got = api.request("GET", PATH)
    assert (got.status, got.body) == (status, b"".join(pieces))


def test_until_the_connection_ends(api: Client, msb: Upstream) -> None:
    msb.reply = raw(b"HTTP/1.0 200 OK\r\nX-Kept: 1\r\n\r\n" + b"y" * 200_000)
    got = api.request("GET", PATH)
    assert (got.status, got.body, got.value("X-Kept")) == (200, b"y" * 200_000, "1")


def test_large_body(api: Client, msb: Upstream) -> None:
    body = bytes(range(256)) * 20_000
    msb.reply = respond(200, body)
    got = api.request("GET", PATH)
    assert (got.body, got.value("Content-Length")) == (body, str(len(body)))


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints\r\nLink: </>"])
def test_interim_answers_are_read_over(api: Client, msb: Upstream, interim: bytes) -> None:
    """RFC 9110, section 15.2: a client must be able to parse any number of them."""
    msb.reply = raw(
        b"HTTP/1.1 %b\r\n\r\n" % interim * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "keep"
    )
    assert api.request("POST", PATH, {}, b"{}").status == 200


def test_an_answer_before_the_body_was_read(api: Client, msb: Upstream) -> None:
    msb.read_bodies = False

    def refuse(_seen: Seen, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
        wire.read_some()
        wire.close()

    msb.reply = refuse
    got = api.request("POST", PATH, {}, b"x" * 1000)
    assert (got.status, got.body) == (401, b"no")


@pytest.mark.parametrize(
    ("flood", "why"),
    [
        (b"HTTP/1.1 103 Early\r\n\r\n", "more than 32 interim answers came before the answer"),
        (b"X-A: b\r\n", "the answer's head has more than 65536 bytes"),
        (b"X", "the answer's head has more than 65536 bytes"),
    ],
    ids=["interim", "fields", "name"],
)
def test_a_flood_before_the_answer(api: Client, msb: Upstream, flood: bytes, why: str) -> None:
    def reply(_seen: Seen, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 100 Continue\r\n")
        with contextlib.suppress(OSError):  # it ends when nobody reads any longer
            wire.send((b"\r\n" if flood.startswith(b"HTTP") else b"") + flood * (10_000_000 // len(flood)))
        wire.close()

    msb.reply = reply
    assert text_of(api.request("GET", PATH)) == failure(why)


def failure(why: str) -> tuple[int, str, str]:
    return 500, HTML, f"The driver's answer could not be had from MSB: {why}."


CLOSED = failure("the connection was closed before the answer's end")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (drop, CLOSED),
        (raw(b"", "reset"), CLOSED),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), CLOSED),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), CLOSED),
        (raw(b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\nno"), CLOSED),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "reset"), CLOSED),
        (chunked(b"{}", end=False), CLOSED),
        (chunked(end=False), CLOSED),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}"), CLOSED),
        (raw(b"HTTP/1.1 200 OK\r\nContent-"), CLOSED),
        (raw(b"HTTP/1.1 101 Switching\r\n\r\n", "keep"), failure("the status 101 is no answer")),
        (
            raw(b"HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n", "keep"),
            failure("the status 600 is no answer"),
        ),
        (raw(b"HTTP/1.1 204 No\r\nX-A: "), CLOSED),
        (
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            failure("the answer breaks HTTP (an unknown transfer coding)"),
        ),
        (
            raw(b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n", "keep"),
            failure("the answer breaks HTTP (a line of its head is no field)"),
        ),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), failure("the answer is not HTTP")),
        (
            raw(b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n", "keep"),
            failure("it holds a header field 'X-A' that HTTP does not allow"),
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_msb_fails(
    api: Client, msb: Upstream, method: str, reply: Reply, expected: tuple[int, str, str]
) -> None:
    msb.reply = reply
    assert text_of(api.request(method, PATH, {}, b"{}" if method == "POST" else None)) == expected
    assert len(msb.seen) == 1


def test_msb_refuses_the_connection(in_process_with: Callable[..., Client]) -> None:
    gone = Upstream()
    gone.close()
    expected = failure("the connection was refused")
    assert text_of(in_process_with(msb_url=gone.url).request("GET", PATH)) == expected


def test_msb_has_no_such_name(in_process_with: Callable[..., Client]) -> None:
    got = in_process_with(msb_url="http://msb.invalid").request("GET", PATH)
    assert got.status == 500
    assert b"msb.invalid" not in got.body
    assert got.body.startswith(b"The driver's answer could not be had from MSB: ")


@pytest.mark.parametrize(
    "lengths",
    [b"Content-Length: 2\r\nContent-Length: 2\r\n", b"Content-Length: 2, 2\r\n"],
    ids=["lines", "list"],
)
def test_a_length_said_twice(api: Client, msb: Upstream, lengths: bytes) -> None:
    msb.reply = raw(b"HTTP/1.1 200 OK\r\n" + lengths + b"\r\n{}", "keep")
    got = api.request("GET", PATH)
    assert (got.status, got.body, got.values("Content-Length")) == (200, b"{}", ["2"])


def test_two_lengths(api: Client, msb: Upstream) -> None:
    msb.reply = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
    assert api.request("GET", PATH).status == 500


def test_nothing_after_an_answer_belongs_to_it(api: Client, msb: Upstream) -> None:
    msb.reply = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\nsmuggled", "keep")
    for _ in range(2):
        assert api.request("GET", PATH).body == b"{}"
