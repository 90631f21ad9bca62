"""Connections that are kept, and what becomes of a request whose kept connection the other side has just closed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial

import pytest

from support.api import HTML, PREFIX, Client, text_of
from support.upstream.server import Reply, Upstream, drop, raw, region, region_reply, respond
from support.upstream.wire import Seen, Wire
from support.waiting import DEADLINE

PATH = f"{PREFIX}/v0/owner_region/x"
FAILED = (
    500,
    HTML,
    "The driver's answer could not be had from MSB: the connection was closed before the answer's end.",
)
ENDINGS: dict[str, Reply] = {"close": drop, "reset": raw(b"", "reset")}


def body_of(method: str) -> bytes | None:
    return b"{}" if method in ("POST", "PUT", "PATCH") else None


def ends_when_used_again(ending: Reply, replies: Reply) -> Reply:
    """Reply to the first request of a connection; end the connection as the second one comes."""
    used: set[Wire] = set()

    def reply(seen: Seen, wire: Wire) -> None:
        (ending if wire in used else replies)(seen, wire)
        used.add(wire)

    return reply


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_get_is_sent_once_more(api: Client, msb: Upstream, method: str, ending: str) -> None:
    msb.reply = ends_when_used_again(ENDINGS[ending], respond(200, b"{}"))
    assert api.request("GET", f"{PATH}/first").status == 200
    assert api.request(method, PATH).status == 200
    assert [seen.method for seen in msb.seen[1:]] == [method, method]
    assert msb.seen[1].head == msb.seen[2].head


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_get_with_a_body_is_sent_once_more(api: Client, msb: Upstream, framing: str) -> None:
    fields = {"Transfer-Encoding": "chunked"} if framing == "chunked" else {}
    msb.reply = ends_when_used_again(drop, respond(200, b"{}"))
    until_kept_by(api, msb, lambda: api.request("GET", PATH, fields, b"{}"))
    assert {seen.body for seen in msb.seen} == {b"{}"}


def until_kept_by(api: Client, msb: Upstream, ask: Callable[[], object]) -> None:
    """Ask until a kept connection was used, and once more by that."""
    deadline = time.monotonic() + DEADLINE
    for asked in itertools.count(1):
        assert ask().status == 200  # type: ignore[attr-defined]
        if len(msb.seen) > asked:
            return
        assert time.monotonic() < deadline, "no kept connection was used"


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_lookup_is_sent_once_more(api: Client, aai: Upstream, msb: Upstream, ending: str) -> None:
    aai.reply = ends_when_used_again(ENDINGS[ending], region_reply({("owner", "region"): region()}))
    for method in ("GET", "POST"):
        assert api.request(method, PATH, {}, body_of(method)).status == 200
    assert (len(aai.seen), len(msb.seen)) == (3, 2)


@pytest.mark.parametrize(
    ("method", "times"), [("GET", 2), ("HEAD", 2), ("POST", 1), ("PUT", 1), ("DELETE", 1)]
)
@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_sent_more_often(api: Client, msb: Upstream, method: str, times: int, ending: str) -> None:
    assert api.request("GET", f"{PATH}/first").status == 200  # so that there is a kept connection
    msb.reply = ENDINGS[ending]
    got = api.request(method, PATH, {}, body_of(method))
    assert got.status == 500
    assert method == "HEAD" or text_of(got) == FAILED
    assert [seen.method for seen in msb.seen[1:]] == [method] * times


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_else_is_sent_again_on_a_kept_connection_either(
    api: Client, msb: Upstream, method: str
) -> None:
    """A connection that was quiet for a moment, and ends as it is used again: whether it was taken, nobody knows."""
    msb.reply = ends_when_used_again(drop, respond(201, b"{}"))
    deadline = time.monotonic() + DEADLINE
    for number in itertools.count():
        if api.request(method, f"{PATH}/{number}", {}, body_of(method)).status == 500:
            break
        assert time.monotonic() < deadline, "no kept connection was used"
    assert len({seen.target for seen in msb.seen}) == len(msb.seen) == number + 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_get_on_a_new_connection_is_sent_once(api: Client, msb: Upstream, ending: str) -> None:
    msb.reply = ENDINGS[ending]
    assert text_of(api.request("GET", PATH)) == FAILED
    assert len(msb.seen) == 1


@pytest.mark.parametrize(
    "begun", [b"H", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b"HTTP/1.1 100 Go\r\n\r\n"]
)
def test_an_answer_that_has_begun_is_not_asked_for_again(api: Client, msb: Upstream, begun: bytes) -> None:
    msb.reply = ends_when_used_again(raw(begun), respond(200, b"{}"))
    assert api.request("GET", f"{PATH}/first").status == 200
    assert text_of(api.request("GET", PATH)) == FAILED
    assert len(msb.seen) == 2


def closes_every_other_time(replied: Reply) -> Reply:
    """Reply as if the connection would be kept; every other time it ends at once after the answer."""
    numbers = itertools.count()

    def reply(seen: Seen, wire: Wire) -> None:
        replied(seen, wire)
        if next(numbers) % 2:
            wire.close()

    return reply


KNOWN = region_reply({("owner", "region"): region()})
SERVERS: dict[str, Callable[[Reply], Reply]] = {
    "after every other answer": closes_every_other_time,
    "as the second request comes": partial(ends_when_used_again, drop),
}


@pytest.mark.parametrize("server", SERVERS)
def test_no_get_fails_by_a_server_that_closes(api: Client, aai: Upstream, msb: Upstream, server: str) -> None:
    aai.reply, msb.reply = SERVERS[server](KNOWN), SERVERS[server](respond(200, b"{}"))
    assert [api.request("GET", PATH).status for _ in range(150)] == [200] * 150


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_else_fails_by_it_nor_comes_twice(
    api: Client, aai: Upstream, msb: Upstream, method: str
) -> None:
    aai.reply, msb.reply = closes_every_other_time(KNOWN), closes_every_other_time(respond(201, b"{}"))
    wanted = [(each, f"{PATH}/{number}") for number in range(40) for each in (method, "GET")]
    assert [api.request(each, path, {}, body_of(each)).status for each, path in wanted] == [201] * 80
    assert len([seen for seen in msb.seen if seen.method == method]) == 40


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_closed_connection_is_not_used_again(api: Client, msb: Upstream, method: str) -> None:
    for _ in range(3):
        assert api.request(method, PATH, {}, body_of(method)).status == 200
        msb.cut()
    assert len(msb.seen) == 3


def test_connections_are_kept(api: Client, aai: Upstream, msb: Upstream) -> None:
    assert api.request("GET", PATH).status == 200
    before = aai.connections, msb.connections
    for _ in range(5):
        assert api.request("GET", PATH).status == 200
    assert (aai.connections, msb.connections) == before


def test_a_post_uses_a_connection_that_has_been_quiet(api: Client, msb: Upstream) -> None:
    """One that was used a moment ago may be about to close, and a POST is not sent again."""
    assert api.request("GET", PATH).status == 200
    deadline = time.monotonic() + DEADLINE
    for posted in itertools.count(1):
        before = msb.connections
        assert api.request("POST", PATH, {}, b"{}").status == 200
        if msb.connections == before:
            assert posted > 1
            return
        assert time.monotonic() < deadline, "no connection was used again"
