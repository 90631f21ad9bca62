"""Parts of the worker that need no process: balance, patience, requests that are remembered, addresses."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mooring import settings
from mooring.http import request, response_head
from mooring.http.environ import bare_address
from mooring.http.errors import HeadersError, RequestError
from mooring.http.response_head import Head, checked_head
from mooring.worker.balance import PATIENCE, SLACK, Balance
from mooring.worker.body import spools
from mooring.worker.pace import Pace
from multicloud.core import headers

SETTINGS = settings.load({"MOORING_INSTANCE": "a", "MOORING_RUN_DIR": "/r", "MOORING_APP": "a:b"})


@pytest.fixture
def two(tmp_path: Path) -> tuple[Balance, Balance]:
    """Two workers of one instance, with no connections yet."""
    made = Balance(tmp_path / "load", "blue", 0), Balance(tmp_path / "load", "green", 0)
    for one in made:
        one.publish(0, 0)
    return made


def test_who_holds_clearly_more_hesitates(two: tuple[Balance, Balance]) -> None:
    one, _ = two
    assert not one.hesitates(SLACK)
    assert one.hesitates(SLACK + 1)
    assert one.hesitates(100)


def test_who_holds_as_much_does_not(two: tuple[Balance, Balance]) -> None:
    one, other = two
    other.publish(100, 100)
    assert not one.hesitates(100)
    assert not one.hesitates(100 + SLACK)
    assert one.hesitates(100 + SLACK + 100)


def test_who_does_not_come_is_waited_for_so_long_and_not_again(two: tuple[Balance, Balance]) -> None:
    one, other = two
    assert [one.hesitates(100) for _ in range(PATIENCE + 2)] == [True] * PATIENCE + [False] * 2
    other.publish(1, 1)  # there it is
    assert one.hesitates(100)


def test_who_comes_each_time_is_waited_for_each_time(two: tuple[Balance, Balance]) -> None:
    one, other = two
    for accepted in range(3 * PATIENCE):
        assert one.hesitates(1000)
        other.publish(1, accepted)


def test_who_left_is_not_waited_for(two: tuple[Balance, Balance]) -> None:
    one, other = two
    other.leave()
    assert not one.hesitates(100)


def test_a_worker_beyond_the_places_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no place among 128"):
        Balance(tmp_path / "load", "blue", 128)


def test_the_file_has_no_holes_and_is_private(two: tuple[Balance, Balance], tmp_path: Path) -> None:
    facts = (tmp_path / "load").stat()
    assert facts.st_blocks * 512 >= facts.st_size == 256 * 16
    assert facts.st_mode & 0o777 == 0o600
    assert facts.st_uid == os.geteuid()


def test_patience_is_earned_back_by_progress_and_never_grows() -> None:
    pace = Pace(limit=10, rate=100)
    pace.account(6, 0)
    assert pace.left == 4
    pace.account(1, 300)
    assert pace.left == 6
    pace.account(0, 1_000_000)
    assert pace.left == 10
    for _ in range(11):
        pace.account(1, 1)
    assert pace.left < 0


def test_a_request_without_a_body_is_remembered_and_one_with_a_body_is_not() -> None:
    head = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
    assert request.parse(head, SETTINGS) is request.parse(head, SETTINGS)
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"
    assert request.parse(head, SETTINGS) is not request.parse(head, SETTINGS)


def test_what_is_remembered_is_bounded() -> None:
    for number in range(3000):
        name = b"X-%d" % number
        request.parse(b"GET /%d HTTP/1.1\r\nHost: h%d\r\n%b: y\r\n\r\n" % (number, number, name), SETTINGS)
        request.parse(b"GET / HTTP/1.1\r\nHost: a\r\nX%b: y\r\n\r\n" % (b"y" * number), SETTINGS)
    memos = (request._REQUESTS, request._KEYS, request._HOSTS)
    assert all(0 < len(memo) <= 1024 for memo in memos)
    assert sum(len(str(entry)) for memo in memos for entry in memo) < 3 << 20


def test_a_refused_head_is_not_remembered() -> None:
    for _ in range(2):
        with pytest.raises(RequestError):
            request.parse(b"GET / HTTP/1.1\r\n\r\n", SETTINGS)


def test_the_fields_of_a_request() -> None:
    parsed = request.parse(
        b"GET /a%2Fb?c=d HTTP/1.1\r\nhost: h\r\nCookie: a=1\r\nX-Y: 1 \r\nX_Y: 2\r\nx-y:\t3\r\nCOOKIE: b=2\r\n"
        b"content-type: t\r\n\r\n",
        SETTINGS,
    )
    given = {key: value for key, value in parsed.variables.items() if key.startswith(("HTTP_", "CONTENT_"))}
    assert given == {
        "HTTP_HOST": "h",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_Y": "1,3",
        "CONTENT_TYPE": "t",
    }
    assert {key: value for key, value in parsed.variables.items() if key not in given} == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/a/b",
        "QUERY_STRING": "c=d",
        "REQUEST_URI": "/a%2Fb?c=d",
        "RAW_URI": "/a%2Fb?c=d",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    assert parsed.keep_alive


def test_an_absolute_target_sets_the_host() -> None:
    parsed = request.parse(b"GET http://b:8/ HTTP/1.1\r\nHost: a\r\n\r\n", SETTINGS)
    assert parsed.variables["HTTP_HOST"] == "b:8"


def test_a_head_of_a_response() -> None:
    head = Head("200 Fine", [("X", "\xe9\t"), ("content-LENGTH", "5"), ("Content-Length", "05")])
    assert (head.lines, head.length, head.status) == (b"HTTP/1.1 200 Fine\r\nX: \xe9\t\r\n", 5, 200)


@pytest.mark.parametrize("status", ["200", "404", "999"])
def test_a_status_without_a_reason_keeps_its_space(status: str) -> None:
    assert Head(status, []).lines == f"HTTP/1.1 {status} \r\n".encode()


@pytest.mark.parametrize(
    ("field", "kept", "closes"),
    [
        (("Connection", "close"), False, True),
        (("CONNECTION", "x, Close"), False, True),
        (("Connection", "keep-alive"), False, False),
        (("Connection", "closed"), False, False),
        (("proxy-Connection", "close"), False, False),
        (("Keep-Alive", "timeout=5"), False, False),
        (("Transfer-Encoding", "chunked"), False, False),
        (("Trailer", "X"), False, False),
        (("TE", "trailers"), False, False),
        (("Upgrade", "h2c"), False, False),
        (("Upgrade", "WebSocket"), True, False),
        (("Server", "mine"), True, False),
        (("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), True, False),
    ],
)
def test_fields_of_the_servers(field: tuple[str, str], kept: bool, closes: bool) -> None:
    head = Head("200 OK", [field, field])
    line = f"{field[0]}: {field[1]}\r\n".encode() if kept else b""
    times = 2 if field[0] == "Upgrade" else 1
    assert (head.lines, head.closes) == (b"HTTP/1.1 200 OK\r\n" + line * times, closes)


def test_a_head_of_a_response_is_remembered() -> None:
    fields = [("Content-Type", "text/plain"), ("Content-Length", "5")]
    head = checked_head("200 OK", fields)
    assert checked_head("200 OK", list(fields)) is head
    assert checked_head("201 Created", fields).status == 201
    assert checked_head("200 OK", [*fields[:1], ("Content-Length", "6")]).length == 6


def test_a_head_that_cannot_be_sent_is_not_remembered() -> None:
    for wrong in ([("X", "a\nb")], [("X", 1)], [("X", ["a"])], [(b"X", "a")]):
        for _ in range(2):
            with pytest.raises(HeadersError):
                checked_head("200 OK", wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", [(("X", "y"),), iter([("X", "y")]), [["X", "y"]]])
def test_fields_in_other_shapes_than_a_list_of_tuples_make_the_same_head(fields: Any) -> None:
    assert checked_head("200 OK", fields).lines == b"HTTP/1.1 200 OK\r\nX: y\r\n"


def test_the_heads_that_are_remembered_are_bounded() -> None:
    for number in range(1000):
        checked_head("200 OK", [("ETag", str(number))])
        checked_head("200 OK", [("Set-Cookie", "x" * (1000 + number * 10))])
    assert 0 < len(response_head._HEADS) <= 256
    assert sum(len(head.lines) for head in response_head._HEADS.values()) <= 256 * 2048


@pytest.mark.parametrize(
    ("address", "bare"),
    [
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("::ffff:0:1", "::ffff:0:1"),
        ("::ffff", "::ffff"),
        ("::10.1.2.3", "::10.1.2.3"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_an_address_without_zone_and_mapping(address: str, bare: str) -> None:
    assert bare_address(address) == bare


@pytest.mark.parametrize(
    ("framework", "given", "says_it_reads", "spooled"),
    [
        ("django", "auto", False, True), ("django", "auto", True, False), ("pecan", "auto", False, False),
        ("wsgi", "auto", False, False), ("django", "stream", False, False), ("pecan", "spool", True, True),
    ],
)  # fmt: skip
def test_who_gets_chunked_bodies_spooled(
    framework: str, given: str, says_it_reads: bool, spooled: bool
) -> None:
    application = type("Application", (), {"wsgi_input_terminated": says_it_reads})
    assert spools(application, replace(SETTINGS, framework=framework, chunked_bodies=given)) is spooled


def test_both_packages_know_the_same_hop_by_hop_fields() -> None:
    """They share no code. Connection and Upgrade end at the worker too, but mean something to it first."""
    assert response_head.HOP_BY_HOP | {"connection", "upgrade"} == headers.HOP_BY_HOP
