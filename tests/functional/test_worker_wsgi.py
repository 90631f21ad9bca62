"""PEP 3333 by a real worker: bodies, start_response, write, files, framing, faults of the application."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.apps.worker_bad_heads import BAD_HEADS
from support.waiting import until
from support.worker import Client, Worker, worker

FILE = bytes(range(256)) * 20_000


@pytest.fixture(scope="module")
def one() -> Iterator[Worker]:
    with worker("worker_apps:site", write_timeout=30) as running:
        yield running


def get(path: str, version: str = "1.1", fields: str = "", method: str = "GET") -> bytes:
    return f"{method} /{path} HTTP/{version}\r\nHost: a\r\n{fields}\r\n".encode()


def post(path: str, body: bytes, *, chunked: bool = False) -> bytes:
    head = f"POST /{path} HTTP/1.1\r\nHost: a\r\n".encode()
    if chunked:
        parts = [body[at : at + 3] for at in range(0, len(body), 3)]
        coded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + coded
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


# Framing of responses


@pytest.mark.parametrize(
    ("path", "body", "length"),
    [
        ("several_parts", b"abc", "3"),
        ("nothing", b"", "0"),
        ("big", b"0123456789" * 1_000_000, "10000000"),
        ("writes", b"one two three four", None),
        ("writes_with_length", b"one two", "7"),
        ("generator", b"a" + b"b" * 100_000 + b"c", None),
        ("file", FILE, str(len(FILE))),
        ("file_with_length", FILE[256:1256], "1000"),
        ("file_in_memory", b"in memory" * 1000, None),
    ],
)
class TestBodies:
    def test_http_11_is_kept(self, client: Client, path: str, body: bytes, length: str | None) -> None:
        for _ in range(2):
            answer = client.ask(get(path))
            assert (answer.status, answer.body) == (200, body)
            assert answer.field("Content-Length") == length
            assert answer.field("Transfer-Encoding") == (None if length else "chunked")
            assert answer.field("Connection") is None
            assert answer.field("Date")

    def test_http_10_ends_with_the_connection(
        self, client: Client, path: str, body: bytes, length: str | None
    ) -> None:
        answer = client.ask(get(path, "1.0"))
        assert (answer.status, answer.body, answer.field("Content-Length")) == (200, body, length)
        assert answer.field("Transfer-Encoding") is None
        assert client.at_end()

    def test_http_10_is_kept_if_the_length_is_known(
        self, client: Client, path: str, body: bytes, length: str | None
    ) -> None:
        answer = client.ask(get(path, "1.0", "Connection: keep-alive\r\n"))
        assert answer.body == body
        if length:
            assert answer.field("Connection") == "keep-alive"
            assert client.ask(get("")).body == b"root"
        else:
            assert answer.field("Connection") == "close"
            assert client.at_end()

    def test_head_has_no_body(self, client: Client, path: str, body: bytes, length: str | None) -> None:
        answer = client.ask(get(path, method="HEAD"), to_head=True)
        assert answer.field("Content-Length") == (length if body else None)
        assert client.ask(get("")).body == b"root"


def test_streaming_is_not_delayed(one: Worker, client: Client) -> None:
    client.send(get("waits"))
    while client.file.readline() != b"\r\n":
        pass
    assert client.file.read(10) == b"5\r\nfirst\r\n"
    with one.client() as other:
        assert other.ask(get("release")).body == b"released"
    assert client.file.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("path", "status", "length"),
    [("no_content", 204, None), ("no_content_with_body", 204, None), ("not_modified", 304, "1234")],
)
def test_statuses_without_a_body(client: Client, path: str, status: int, length: str | None) -> None:
    answer = client.ask(get(path))
    assert answer.status == status
    assert answer.field("Content-Length") == length
    assert answer.field("Transfer-Encoding") is None
    assert client.ask(get("")).body == b"root"


def test_fields_go_out_as_they_came(client: Client) -> None:
    answer = client.ask(get("two_cookies"))
    assert [value for name, value in answer.fields if name == "Set-Cookie"] == ["a=1", "b=2"]
    assert answer.field("X-Latin") == "caf\xe9"


def test_a_date_of_the_application_stays(client: Client) -> None:
    assert client.ask(get("own_date")).field("Date") == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_of_two_dates_one_goes_out(client: Client) -> None:
    answer = client.ask(get("two_dates"))
    assert answer.field("Date") == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert (answer.field("Server"), answer.field("Content-Length")) == ("a", "1")


@pytest.mark.parametrize("status", ["200", "299", "999"])
def test_a_status_without_a_reason_keeps_its_space(client: Client, status: str) -> None:
    client.send(get(f"bare_status?{status}"))
    assert client.file.readline() == f"HTTP/1.1 {status} \r\n".encode()


def test_an_upgrade_that_is_required_is_named(client: Client) -> None:
    answer = client.ask(get("upgrade_required?upgrade"))
    assert (answer.field("Upgrade"), answer.field("Connection")) == ("HTTP/2.0", "Upgrade")
    answer = client.ask(get("upgrade_required?close"))
    assert (answer.field("Upgrade"), answer.field("Connection")) == ("HTTP/2.0", "close, Upgrade")
    assert client.at_end()


def test_requests_in_a_row_are_answered_in_order(client: Client) -> None:
    client.send(get("several_parts") + post("reads", b"ab") + get("generator") + get(""))
    bodies = [client.answer() for _ in range(4)]
    assert [answer.body[:3] for answer in bodies if answer] == [b"abc", b'["a', b"abb", b"roo"]


# start_response


def test_exc_info_replaces_a_head_that_has_not_left(client: Client) -> None:
    answer = client.ask(get("second_thoughts"))
    assert (answer.status, answer.body) == (503, b"second")
    assert (answer.field("X-First"), answer.field("X-Second")) == (None, "1")
    assert answer.field("Content-Length") == "6"


def test_exc_info_ends_a_response_that_has_begun(client: Client) -> None:
    client.send(get("too_late"))
    assert client.file.read().endswith(b"\r\n\r\n5\r\nbegun\r\n")


@pytest.mark.parametrize("which", sorted(BAD_HEADS))
def test_a_head_that_cannot_be_sent_is_a_failure(client: Client, which: str) -> None:
    answer = client.ask(get("bad_head?" + which))
    assert answer.status == 500
    assert [name for name, _ in answer.fields] == ["Content-Type", "Content-Length", "Date"]
    assert client.ask(get("")).body == b"root"


@pytest.mark.parametrize(
    "path",
    [
        "raises",
        "raises_after_start",
        "exits",
        "times_out",
        "no_start_response",
        "start_response_twice",
        "returns_text",
        "returns_none",
        "no_such_page",
    ],
)
def test_a_failure_is_500_without_details(one: Worker, client: Client, path: str) -> None:
    errors = one.stats()["errors"]
    answer = client.ask(get(path))
    assert (answer.status, answer.field("X-Lost")) == (500, None)
    assert answer.body == b"The application failed; its log says why.\n"
    assert client.ask(get("")).body == b"root"
    assert one.stats()["errors"] == errors + 1


def test_no_line_of_the_log_can_be_forged(one: Worker, client: Client) -> None:
    client.ask(get("raises"))
    client.ask(get("raises?%0a{%22time%22:"))
    words = one.words()
    assert "  | ValueError: secret\n" in words
    assert '  | {"time": "forged"}' in words
    assert '\n{"time": "forged"' not in words
    assert "\x1b" not in words


@pytest.mark.parametrize("path", ["raises_in_chunks", "too_short", "file_too_short", "closing?fails"])
def test_a_body_cut_short_ends_the_connection(client: Client, path: str) -> None:
    client.send(get(path))
    received = client.file.read()
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("path", ["raises_in_chunks", "closing?fails"])
def test_a_body_without_length_that_is_cut_short_is_an_error_for_http_10(client: Client, path: str) -> None:
    client.send(get(path, "1.0"))
    with pytest.raises(ConnectionResetError):
        client.file.read()


@pytest.mark.parametrize("path", ["too_long", "too_long_in_parts"])
def test_a_body_longer_than_declared_is_cut_and_logged(one: Worker, client: Client, path: str) -> None:
    assert client.ask(get(path)).body == b"hello"
    assert client.ask(get("")).body == b"root"
    assert '"event": "body_cut", "declared": 5, "too_much": ' in one.words()


def test_close_is_called_whatever_happens(one: Worker) -> None:
    with one.client() as client:
        assert client.ask(get("closing?whole")).body == b"x" * 100
        assert client.ask(get("closing?fails_in_close")).body == b"x" * 100
    with one.client() as client:
        client.send(get("closing?endless"))
        client.file.read(100_000)
    with one.client() as client:
        client.ask(get("closing?whole", method="HEAD"), to_head=True)
    with one.client() as client:
        want = ["endless", "fails_in_close", "whole", "whole"]
        until(lambda: sorted(client.ask(get("what_closed")).body.decode().split()[-4:]) == want, "all closed")


# Bodies of requests


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("how", "pieces"),
    [
        ("all", ["one\ntwo\n\nfour"]),
        ("pieces", ["one\n", "two\n", "\nfou", "r"]),
        ("line", ["one\n", "two\n", "\n", "four"]),
        ("short_line", ["one", "\n", "two", "\n", "\n", "fou", "r"]),
        ("lines", ["one\n", "two\n", "\n", "four"]),
        ("some_lines", ["one\ntwo\n", "\nfour"]),
        ("iterate", ["one\n", "two\n", "\n", "four"]),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_reading(client: Client, how: str, pieces: list[str], chunked: bool, late: bool) -> None:
    request = post("reads?" + how, b"one\ntwo\n\nfour", chunked=chunked)
    if late:  # the head in one piece, the body byte by byte
        end = request.index(b"\r\n\r\n") + 4
        client.send(request[:end])
        for byte in request[end:]:
            client.send(bytes([byte]))
    else:
        client.send(request)
    answer = client.answer()
    assert answer is not None
    assert json.loads(answer.body) == pieces
    assert client.ask(get("")).body == b"root"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body(one: Worker, client: Client, chunked: bool) -> None:
    before = one.stats()["resident_bytes"]
    if chunked:
        client.send(b"POST /counts_body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(300):
            client.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
        client.send(b"0\r\n\r\n")
    else:
        client.send(b"POST /counts_body HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n")
        for _ in range(300):
            client.send(b"x" * 100_000)
    answer = client.answer()
    assert answer is not None
    assert answer.body == b"30000000"
    assert one.stats()["resident_bytes"] - before < 8 << 20


def test_100_continue_is_sent_when_the_application_reads(client: Client) -> None:
    expect = "Expect: 100-continue\r\nContent-Length: 5\r\n"
    answer = client.ask(get("reads?all", fields=expect, method="POST"))
    assert (answer.status, answer.fields) == (100, [])
    assert client.ask(b"hello").body == b'["hello"]'
    assert client.ask(get("")).body == b"root"


def test_100_continue_is_not_sent_when_it_does_not_read(client: Client) -> None:
    expect = "Expect: 100-continue\r\nContent-Length: 5\r\n"
    answer = client.ask(get("ignores_body", fields=expect, method="POST"))
    assert (answer.status, answer.body, answer.field("Connection")) == (200, b"not read", "close")
    assert client.at_end()


def test_100_continue_is_not_sent_within_a_response(client: Client) -> None:
    expect = "Expect: 100-continue\r\nContent-Length: 5\r\n"
    client.send(get("sends_before_reading", fields=expect, method="POST"))
    while client.file.readline() != b"\r\n":
        pass
    assert client.file.read(10) == b"5\r\nbegun\r\n"
    client.send(b"hello")
    assert client.file.read() == b"5\r\nhello\r\n0\r\n\r\n"


def test_a_small_body_that_is_not_read_is_passed_over(client: Client) -> None:
    for chunked in (False, True):
        request = post("ignores_body", b"GET /smuggled HTTP/1.1\r\n\r\n", chunked=chunked)
        assert client.ask(request).body == b"not read"
        assert client.ask(get("")).body == b"root"


def test_a_large_body_that_is_not_read_ends_the_connection_after_the_response(client: Client) -> None:
    client.send(
        b"POST /ignores_body HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 300_000
    )
    answer = client.answer()
    assert answer is not None
    assert (answer.body, answer.field("Connection")) == (b"not read", "close")
    client.send(b"x" * 300_000)  # a client that does not look: it must not be reset before it has read
    client.sock.shutdown(1)
    assert client.at_end()


def test_a_broken_body_reaches_the_application_as_an_error(client: Client) -> None:
    expect = "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
    assert client.ask(get("swallows_body_error", fields=expect, method="POST")).status == 100
    answer = client.ask(b"zz\r\n")
    assert (answer.status, answer.body) == (200, b"a chunk-size line is malformed (RFC 9112 7.1)")
    assert answer.field("Connection") == "close"
    client.sock.shutdown(1)
    assert client.at_end()


def test_a_broken_body_that_the_application_lets_pass_is_400(client: Client) -> None:
    expect = "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
    assert client.ask(get("counts_body", fields=expect, method="POST")).status == 100
    assert client.ask(b"zz\r\n").status == 400
    client.sock.shutdown(1)
    assert client.at_end()


def test_a_response_may_begin_before_the_body_has_ended(client: Client) -> None:
    client.send(b"POST /sends_while_reading HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
    while client.file.readline() != b"\r\n":
        pass
    assert client.file.read(10) == b"5\r\nhello\r\n"
    client.send(b"world")
    assert client.file.read(15) == b"5\r\nworld\r\n0\r\n\r\n"


def test_spooled_chunked_bodies() -> None:
    with worker("worker_apps:site", chunked_bodies="spool") as one, one.client() as client:
        for body in (b"", b"hello", b"0123456789" * 100_000):
            answer = client.ask(post("sees_body", body, chunked=True))
            assert json.loads(answer.body) == [len(body), str(len(body)), None]
        assert client.ask(post("sees_body", b"x")).status == 200
        expect = "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
        assert client.ask(get("sees_body", fields=expect, method="POST")).status == 100
        requests = one.stats()["requests"]
        assert client.ask(b"5\r\nhello\r\nzz\r\n").status == 400
        assert one.stats()["requests"] == requests  # here the application is spared even a late fault


# wsgiref.validate


@pytest.mark.parametrize(
    "request_bytes",
    [
        get(""),
        get("several_parts"),
        get("generator"),
        get("writes"),
        get("nothing"),
        get("", method="HEAD"),
        get("", "1.0"),
        get("root?x=1&y=%20"),
        get("second_thoughts"),
        post("counts_body", b"hello" * 10_000),
        post("counts_body", b"hello", chunked=True),
        get("root", fields="Cookie: a=1\r\nCookie: b=2\r\nX-Y: \xe4\r\n"),
    ],
)
def test_validator_of_wsgiref_has_nothing_to_say(validated: Worker, request_bytes: bytes) -> None:
    with validated.client() as client:
        answer = client.ask(request_bytes, to_head=request_bytes.startswith(b"HEAD"))
        assert answer.status in (200, 503), validated.words()
    assert "AssertionError" not in validated.words()
    assert "Warning" not in validated.words()


@pytest.fixture(scope="module")
def validated() -> Iterator[Worker]:
    with worker("worker_apps:validated_site") as running:
        yield running


def test_validator_of_wsgiref_is_really_there(validated: Worker) -> None:
    with validated.client() as client:
        assert client.ask(get("bad_head?status_short")).status == 500
    assert "AssertionError" in validated.words()
