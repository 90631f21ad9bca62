"""What the load generator sends and how it reads the answers."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring_load.destination import Destination, resolve
from mooring_load.kinds import (
    AnyBody,
    DigestBody,
    ExactBody,
    Expectation,
    Kind,
    SameBody,
    TemplateBody,
    check_header,
    check_template,
    in_turn,
)
from mooring_load.outcome import RequestFailedError
from mooring_load.pacing import Budget, OpenLoop
from mooring_load.response import ResponseReader
from mooring_load.tls import context
from mooring_load.usage import UsageError


def test_a_request_to_the_byte() -> None:
    kind = Kind("POST", "/count", body='{"id": "%(id)s", "rate": "5%%"}', headers=("X-Auth-Token: t",))
    kind.prepare("localhost:9001", "/api")
    assert kind.render("r-1", "X-Request-Id", close=True) == (
        b"POST /api/count HTTP/1.1\r\nHost: localhost:9001\r\nUser-Agent: mooring-load\r\nAccept: */*\r\n"
        b"X-Auth-Token: t\r\nContent-Type: application/json\r\nX-Request-Id: r-1\r\nConnection: close\r\n"
        b'Content-Length: 27\r\n\r\n{"id": "r-1", "rate": "5%"}'
    )
    get = Kind("GET", "/")
    get.prepare("[::1]:80", "")
    assert get.render("r-2", "X-Id", close=False) == (
        b"GET / HTTP/1.1\r\nHost: [::1]:80\r\nUser-Agent: mooring-load\r\nAccept: */*\r\nX-Id: r-2\r\n\r\n"
    )


RIGHT = b'{"id": "r-1"}'


@pytest.mark.parametrize(
    ("expectation", "wrong"),
    [
        (ExactBody(RIGHT), b'{"id": "r-2"}'),
        (ExactBody(RIGHT), RIGHT + b"\n"),
        (ExactBody(RIGHT), RIGHT[:-1]),
        (TemplateBody('{"id": "%(id)s"}'), b'{"id": "r-2"}'),
        (DigestBody(hashlib.sha256(RIGHT).hexdigest()), b""),
    ],
)
def test_a_body_is_right_or_not(expectation: Expectation, wrong: bytes) -> None:
    kind = Kind("GET", "/", expectation=expectation)
    kind.check(200, RIGHT, "r-1")
    with pytest.raises(RequestFailedError) as caught:
        kind.check(200, wrong, "r-1")
    assert caught.value.failure == "body"
    assert str(len(wrong)) in caught.value.detail


def test_every_body_must_be_like_the_first() -> None:
    same = SameBody()
    assert same.complaint(b"[]", "r-1") is None
    assert same.complaint(b"[]", "r-2") is None
    assert same.complaint(b"[ ]", "r-3") == "3 bytes instead of 2, different from byte 1 on: b' ]'"
    assert AnyBody().complaint(b"x", "r-4") is None


def test_a_wrong_status_shows_what_the_server_said() -> None:
    with pytest.raises(RequestFailedError, match="503 instead of 200: b'try later'"):
        Kind("GET", "/").check(503, b"try later", "r-1")


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 50))
def test_kinds_come_as_often_as_they_weigh(weights: list[int], offset: int) -> None:
    kinds = [Kind("GET", f"/{number}", weight=weight) for number, weight in enumerate(weights)]
    turns = list(itertools.islice(in_turn(kinds, offset), 3 * sum(weights)))
    assert Counter(kind.path for kind in turns) == {kind.path: 3 * kind.weight for kind in kinds}


def test_neighbouring_clients_begin_with_different_kinds() -> None:
    kinds = [Kind("GET", "/"), Kind("POST", "/count")]
    assert [next(in_turn(kinds, client)).method for client in range(4)] == ["GET", "POST", "GET", "POST"]


@pytest.mark.parametrize("template", ["100%", "%(name)s", "%s", "%d"])
def test_a_wrong_template_is_named(template: str) -> None:
    with pytest.raises(UsageError, match=r"--expect-body .*percent sign"):
        check_template("--expect-body", template)


@pytest.mark.parametrize("line", ["X", "X Y: z", "X: a\r\nY: b", ": v", "X: \x00"])
def test_a_wrong_header_is_named(line: str) -> None:
    with pytest.raises(UsageError, match="--header"):
        check_header("--header", line)
    check_header("--header", "X-Auth-Token: abc 123")


def found(url: str, *allowed: str) -> Destination:
    return resolve(url, None, frozenset(allowed), lambda: context(None, insecure=True))


def test_only_ones_own_machines_are_loaded() -> None:
    assert found("http://127.0.0.1:9001/api/").base == "/api"
    assert found("http://10.1.2.3").address == ("10.1.2.3", 80)
    assert found("http://[::1]:81").host == "[::1]:81"
    with pytest.raises(UsageError, match=r"93\.184\.215\.14 is a public address"):
        found("http://93.184.215.14")
    assert found("http://93.184.215.14:81", "93.184.215.14").address[1] == 81
    for url in (
        "http://localhost:99999",
        "ftp://localhost",
        "http://",
        "http://localhost/?x=1",
        "http://a@localhost",
    ):
        with pytest.raises(UsageError, match="--url"):
            found(url)


def test_tls_is_spoken_where_the_url_says_so(tmp_path: Path) -> None:
    assert found("http://127.0.0.1").tls is None
    secured = found("https://127.0.0.1")
    assert secured.tls is not None
    assert (secured.address, secured.name) == (("127.0.0.1", 443), "127.0.0.1")
    with pytest.raises(UsageError, match=r"--tls-ca .*No such file"):
        context(tmp_path / "missing", insecure=False)


RESPONSES = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Load-Worker: 12/r1\r\n\r\nhello", (200, b"hello", True)),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", (200, b"ok", False)),
    (
        b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        (201, b"abcde", True),
    ),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, b"", True)),
    (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", True)),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", False)),
]


@given(st.sampled_from(RESPONSES), st.data())
def test_a_response_is_the_same_however_it_is_cut(
    case: tuple[bytes, tuple[int, bytes, bool]], data: st.DataObject
) -> None:
    raw, expected = case
    reader = ResponseReader("x-load-worker")
    rest = raw
    while rest:
        assert not reader.complete
        size = data.draw(st.integers(1, len(rest)))
        reader.feed(rest[:size])
        rest = rest[size:]
    assert reader.complete
    assert (reader.status, reader.body, reader.keep) == expected
    assert (reader.malformed, reader.unasked) == ("", b"")
    assert reader.holder == ("12/r1" if b"Load-Worker" in raw else None)


@pytest.mark.parametrize("raw", [response for response, _ in RESPONSES])
def test_a_second_answer_is_unasked(raw: bytes) -> None:
    reader = ResponseReader("x")
    reader.feed(raw + raw)
    assert reader.unasked


def test_eof_completes_only_a_body_without_a_length() -> None:
    for head, complete in (
        (b"", True),
        (b"Content-Length: 9\r\n", False),
        (b"Transfer-Encoding: chunked\r\n", False),
    ):
        reader = ResponseReader("x")
        reader.feed(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        reader.end()
        assert reader.complete is complete
    reader = ResponseReader("x")
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-")
    reader.end()
    assert not reader.complete


def test_an_open_loop_counts_from_when_a_request_was_due() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        budget = Budget(loop, 1000)
        late = OpenLoop(budget, loop, loop.time() - 1.0, rate=100)
        start = loop.time() - 1.0
        due = [await late.next() for _ in range(50)]
        gaps = [
            later - earlier
            for earlier, later in itertools.pairwise([time for time in due if time is not None])
        ]
        assert due[0] == pytest.approx(start, abs=0.5)
        assert gaps == pytest.approx([0.01] * 49)

    asyncio.run(scenario())


def test_a_stop_wakes_who_waits_and_ends_the_budget() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        budget = Budget(loop, 2)
        assert budget.take()
        waiting = asyncio.ensure_future(budget.wait_until(loop.time() + 3600))
        await asyncio.sleep(0)
        budget.stop()
        assert await waiting is False
        assert not budget.take()
        assert not await budget.wait_until(loop.time() + 3600)
        used_up = Budget(loop, 1)
        assert [used_up.take(), used_up.take()] == [True, False]

    asyncio.run(scenario())
