"""Hypothesis against the real worker: whatever comes, it answers by the book and lives; see `support.fuzzing`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fuzzing import PLACES, PROFILE
from support.fuzzing import pieces as cut
from support.http_cases import CASES, MAX_BODY
from support.worker import GET, Client, Worker, worker


@pytest.fixture(scope="module")
def one() -> Iterator[Worker]:
    with worker("worker_apps:echo", max_body=MAX_BODY) as running:
        yield running


def answers(one: Worker, pieces: list[bytes]) -> list[tuple[int, bytes]]:
    """Send the pieces, end, and return status and body of what comes; each must be a well-formed response."""
    data = b"".join(pieces)
    got: list[tuple[int, bytes]] = []
    with one.client() as client:
        try:
            for piece in pieces:
                client.send(piece)
            client.sock.shutdown(1)
            got.extend(_responses(client))
        except OSError:
            # who says that it will close, and then sends on, may be reset
            assert b"close" in data.lower() or b"HTTP/1.0" in data, data
    return got


def _responses(client: Client) -> Iterator[tuple[int, bytes]]:
    while answer := client.answer():
        yield answer.status, answer.body
        if answer.field("Connection") == "close":
            assert client.at_end()
            return


def check(one: Worker, pieces: list[bytes]) -> list[tuple[int, bytes]]:
    """A refusal is the last answer; nothing is a fault of the worker's own; the next client is served."""
    got = answers(one, pieces)
    statuses = [status for status, _ in got]
    assert set(statuses[:-1]) <= {100, 200, 204}
    assert set(statuses) <= {100, 200, 204, 400, 408, 413, 414, 417, 431, 501, 505}
    assert one.process.poll() is None
    return got


SMALL = [case for case in CASES if len(case.raw) < 3000]


@settings(PROFILE)
@given(st.binary(max_size=500), PLACES)
def test_any_bytes(one: Worker, data: bytes, places: list[int]) -> None:
    check(one, cut(data, places))


@settings(PROFILE)
@given(
    st.sampled_from(SMALL),
    st.integers(0, 3000),
    st.integers(0, 8),
    st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b"0", b"\x0b", b"\xff"])
    | st.binary(max_size=8),
    PLACES,
)
def test_a_case_with_a_splinter(
    one: Worker, case: object, at: int, drop: int, splinter: bytes, places: list[int]
) -> None:
    raw = case.raw  # type: ignore[attr-defined]
    at %= len(raw) + 1
    check(one, cut(raw[:at] + splinter + raw[at + drop :], places))


FRAGMENTS = [
    b"GET / HTTP/1.1\r\n",
    b"POST /a HTTP/1.1\r\n",
    b"HEAD / HTTP/1.0\r\n",
    b"Host: a\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: h2c\r\n",
    b"X: y\r\n",
    b"\r\n",
    b"hello",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"5;a=b\r\n",
    b"\n",
    b" ",
]


@settings(PROFILE)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25), PLACES)
def test_fragments_in_any_order(one: Worker, fragments: list[bytes], places: list[int]) -> None:
    data = b"".join(fragments)
    if b"HEAD" in data:
        data = data.replace(b"HEAD", b"GET")  # its answers have no bodies: they could not be told apart
    check(one, cut(data, places))


TOKENS = st.text("abcXYZ019!#$%&'*+-.^`|~", min_size=1, max_size=10).map(lambda text: "X-" + text)
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40
)


@settings(PROFILE)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["/", "/p/q", "/%41", "/?x=1"]),
            st.lists(st.tuples(TOKENS, VALUES), max_size=5),
            st.none() | st.binary(max_size=200),
            st.lists(st.integers(1, 50), max_size=6),
        ),
        min_size=1,
        max_size=4,
    ),
    PLACES,
)
def test_good_requests_are_answered_each_with_its_own_body(
    one: Worker,
    requests: list[tuple[str, list[tuple[str, str]], bytes | None, list[int]]],
    places: list[int],
) -> None:
    data, expected = b"", []
    for target, fields, body, chunks in requests:
        head = f"POST {target} HTTP/1.1\r\nHost: a\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
        data += head.encode("latin-1")
        if body is None:
            data += b"\r\n"
        elif chunks:
            data += b"Transfer-Encoding: chunked\r\n\r\n"
            left = body
            for size in chunks:
                piece, left = left[:size], left[size:]
                if piece:
                    data += b"%x\r\n%b\r\n" % (len(piece), piece)
            if left:
                data += b"%x\r\n%b\r\n" % (len(left), left)
            data += b"0\r\n\r\n"
        else:
            data += b"Content-Length: %d\r\n\r\n" % len(body) + body
        shown = target.replace("%41", "A").encode()
        expected.append((200, b"POST " + shown + b" " + (body or b"")))
    assert check(one, cut(data, places)) == expected


def test_after_all_that_it_serves_and_nothing_failed(one: Worker) -> None:
    with one.client() as client:
        assert client.ask(GET).body == b"GET / "
    assert one.stats()["errors"] == 0
    assert "Traceback" not in one.words()
