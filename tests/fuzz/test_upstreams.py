"""What A&AI, MSB and drivers answer, and what a client sends to check_vim_capacity: heads, chunks, codings, JSON, redirects."""

from __future__ import annotations

import gzip
import json
import socket
import time
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from multicloud.client import HTTPError, Origin, Request, Response, decoding, head
from multicloud.client.connection import BLOCK, Connection
from multicloud.client.head import MAX_HEAD
from multicloud.core import capacity, drivers, headers, lookup, redirects, shallow
from multicloud.core.responses import RequestError
from support import fuzzing
from support.fuzzing import PARSER, PLACES, bounded, documents, pieces, spoilt

STATUS_LINES = [
    "HTTP/1.1 200 OK",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 204 No",
    "HTTP/1.1 304 N",
    "HTTP/1.1 999 ?",
    "HTTP/1.1 100 Continue",
]
FIELDS = [
    "Content-Length: 5",
    "Content-Length: 5, 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: -5",
    "Content-Length: " + "9" * 18,
    "Content-Length: " + "9" * 5000,
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Connection: close",
    "Connection: keep-alive, x",
    "Content-Encoding: gzip",
    " folded",
    "no field",
    "X: \x9b\x1b[2J",
    "Set-Cookie: a=b",
]
BODIES = [
    b"",
    b"hello",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"ffffffffffffffffff\r\nhello",
    b"-5\r\nhello\r\n",
    b"1\r\nx\r\n" * 200,
    b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
]


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Draw an answer: interim ones, its head, a body that need not fit to it."""
    data = draw(
        st.sampled_from(
            [b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nX: y\r\n\r\n" * 40]
        )
    )
    end = draw(st.sampled_from(["\r\n", "\r\n", "\n"]))
    lines = [draw(st.sampled_from(STATUS_LINES)), *draw(st.lists(st.sampled_from(FIELDS), max_size=5))]
    return data + (end.join([*lines, "", ""])).encode("latin-1") + draw(st.sampled_from(BODIES))


@settings(PARSER)
@given(spoilt(answers()))
@example(b"HTTP/1.1 200 OK\n" + b"X: y\n" * 5000)
def test_the_head_of_an_answer(data: bytes) -> None:
    with bounded():
        try:
            found = head.parse(data)
        except HTTPError:
            return
    assert 0 <= found.status <= 999
    assert len(found.headers) <= head.MAX_HEADERS
    assert found.length is None or 0 <= found.length < 10**18
    assert not (found.chunked and found.length is not None)
    for _, value in found.headers:
        assert "\n" not in value
    with bounded():
        try:
            onward = headers.of_response(found.headers)
        except ValueError:
            return
    for name, value in onward:
        assert name.isascii()
        assert not set(map(ord, value)) & {*range(9), *range(10, 32), 127}


@settings(PARSER)
@given(spoilt(answers()), PLACES, st.sampled_from(["GET", "HEAD"]))
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 100_000, [], "GET")
def test_an_answer_on_a_connection(data: bytes, places: list[int], method: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, bounded():
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for piece in pieces(data, places):
            theirs.sendall(piece)
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(ours)
        connection.begin(time.monotonic() + fuzzing.HANGS, fuzzing.HANGS)
        try:
            answered = connection.head(method)
            body = list(iter(connection.piece, b""))
        except HTTPError:
            return
    assert 200 <= answered.status <= 599
    assert connection.ended
    assert sum(map(len, body)) <= len(data)
    assert max(map(len, body), default=0) <= BLOCK + MAX_HEAD
    if method == "HEAD" or answered.status in (204, 304):
        assert not body
    elif answered.length is not None:
        assert sum(map(len, body)) == answered.length


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = [
    b"hello",
    gzip.compress(b"hello"),
    gzip.compress(b"") * 50,
    zlib.compress(b"hello" * 100),
    deflated(b"hello"),
]
NESTED = [
    gzip.compress(gzip.compress(b"x" * 1000)),
    gzip.compress(b"\0" * (1 << 20)),
    zlib.compress(gzip.compress(b"y")),
]
CODINGS = st.one_of(
    st.sampled_from(
        ["gzip", "deflate", "x-gzip", "gzip, gzip", "gzip, deflate", "br", "gzip, br", "", ",", "GZIP ,"]
    ),
    st.lists(st.sampled_from(["gzip", "deflate", "identity", " "]), max_size=8).map(",".join),
    fuzzing.TEXTS,
)


@settings(PARSER)
@given(spoilt(st.sampled_from([*PACKED, *NESTED])), CODINGS, PLACES)
def test_the_content_codings_of_a_body(data: bytes, encoding: str, places: list[int]) -> None:
    size, largest = 0, 0
    with bounded():
        try:
            for piece in decoding.decode(pieces(data, places), encoding):
                size, largest = size + len(piece), max(largest, len(piece))
        except HTTPError:
            pass
    assert size <= decoding.MAX_DECODED
    assert largest <= max(decoding.BLOCK, len(data))


REGION = {
    "cloud-owner": "o",
    "cloud-region-id": "r",
    "cloud-type": "openstack",
    "cloud-region-version": "titanium_cloud",
}
TABLE = drivers.load(str(drivers.DEFAULT_TABLE))


@settings(PARSER)
@given(documents(REGION))
def test_what_aai_tells_of_a_region(body: bytes) -> None:
    with bounded():
        try:
            vim_type, version = lookup.region_facts(body)
        except RequestError as refused:
            assert refused.response.status == 500
            return
        driver = TABLE.driver(vim_type, version)
    assert driver is None or type(driver) is str


CAPACITY = {
    "vCPU": 1,
    "Memory": 2,
    "Storage": 3.5,
    "VIMs": [
        "o_r",
        {"cloud-owner": "o", "cloud-region-id": "r"},
        {"cloud-owner": "o", "cloud-region-id": "../x"},
    ],
}


@settings(PARSER)
@given(
    documents(CAPACITY), st.sampled_from(["v0", "v1"]), documents({"result": True, "AZs": [{"name": "az"}]})
)
@example(b'{"VIMs": [{"cloud-owner": [], "cloud-region-id": {}}]}', "v1", b"{}")
def test_a_question_for_room(body: bytes, version: str, said: bytes) -> None:
    asked: list[str] = []

    def ask(owner: str, region: str, path: str, wanted: bytes) -> Any:
        asked.append(path)
        assert len(wanted) <= capacity.MAX_WANTED
        assert set(path) <= set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-/")
        try:
            return shallow.loads(said)
        except ValueError:
            return None

    with bounded():
        try:
            wanted, vims = capacity.parse(body, version, 10)
        except RequestError as refused:
            assert refused.response.status == 400
            return
        found = capacity.with_room(vims, version, wanted, ask, 1)
        json.dumps(found)
    assert len(asked) == len(set(asked)) <= len(vims) <= 10
    assert len(found) <= len(vims)


@settings(PARSER)
@given(documents(REGION, [1, {}], "text"))
@example(b"[" * 501 + b"]" * 501)
@example(b"[" * 500 + b"]" * 500)
def test_json_from_others(body: bytes) -> None:
    with bounded():
        try:
            found = shallow.loads(body)
        except ValueError:
            return
        json.dumps(found)  # what nests too deeply for that would have failed


class Ended:
    """A connection whose response has no body."""

    ended = True


class Nowhere:
    """A pool that keeps nothing."""

    def put(self, connection: Connection) -> None:
        pass


LOCATIONS = st.one_of(
    st.sampled_from(
        [
            "/x",
            "//other/x",
            "http://msb/x",
            "http://msb:80/x",
            "http://[::1",
            "http://msb:99999/",
            "http://u@msb/",
            "http:x",
            "///x",
            "\\\\other",
            "http://ms\tb/x",
            "?",
            "#",
            "",
        ]
    ),
    st.lists(
        st.sampled_from(
            [
                "http:",
                "//",
                "msb",
                "/",
                "..",
                ":80",
                "@",
                "[",
                "]",
                "%2e",
                "?",
                "#",
                "\\",
                "\t",
                "\x9b",
                "\u2028",
                "é",
            ]
        ),
        max_size=8,
    ).map("".join),
    fuzzing.TEXTS,
)


@settings(PARSER)
@given(
    st.lists(LOCATIONS, max_size=2),
    st.sampled_from([200, 300, 301, 302, 303, 307, 308]),
    st.sampled_from(["GET", "POST", "HEAD"]),
)
@example(["http://[::1"], 302, "GET")
@example(["http://\u2100/"], 302, "GET")
def test_a_redirect_of_a_driver(locations: list[str], status: int, method: str) -> None:
    lines = [("Location", each.encode("latin-1", "replace").decode("latin-1")) for each in locations]
    found = head.ResponseHead(status, lines, 0, chunked=False, keep=True)
    response = Response(found, Ended(), Nowhere())  # type: ignore[arg-type] # all that it uses
    request = Request(method, "http://msb/api/x", {"X-Auth-Token": "secret"})
    with bounded():
        try:
            following = redirects.Redirects("http://msb", []).following(request, response)
        except HTTPError:
            return
    if following is not None:
        assert Origin.of(following.url) == ("http", "msb", 80)
        assert following.url.isascii()
        assert not set(following.url) & {" ", "\r", "\n", "\t", "\0"}


def test_what_is_sound_is_taken() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        connection = Connection(ours)
        connection.begin(time.monotonic() + fuzzing.HANGS, fuzzing.HANGS)
        assert connection.head("GET").status == 200
        assert connection.piece() == b"hello"
    assert b"".join(decoding.decode([NESTED[0]], "gzip, gzip")) == b"x" * 1000
    with pytest.raises(HTTPError):
        list(decoding.decode([b"x"], "gzip"))
