"""Framing without a connection: which bytes are a body's, and how a response is framed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring import settings
from mooring.http.body import LengthDecoder
from mooring.http.framing import ResponseFraming
from mooring.http.request import parse
from mooring.http.response_head import checked_head

SETTINGS = settings.load({"MOORING_INSTANCE": "a", "MOORING_RUN_DIR": "/r", "MOORING_APP": "a:b"})


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(1, 40))
def test_a_body_of_known_length_ends_where_it_says(pieces: list[bytes], length: int) -> None:
    decoder, content, rest = LengthDecoder(length), b"", b""
    for piece in pieces:
        if decoder.done:
            rest += piece
        else:
            content += decoder.decode(piece)
            rest = decoder.rest
    whole = b"".join(pieces)
    assert (content, rest) == (whole[:length], whole[length:])
    assert decoder.missing == length - len(content)
    assert decoder.done == (len(whole) >= length)


def framing(
    head: str, *fields: tuple[str, str], status: str = "200 OK", known: int | None = None, keep: bool = True
) -> tuple[ResponseFraming, list[str]]:
    """Frame a response to a head, and return that and its fields, without Date."""
    made = ResponseFraming(parse(f"{head}\r\nHost: a\r\n\r\n".encode(), SETTINGS))
    made._head = checked_head(status, list(fields))
    assert (made.head_sent, made.status) == (False, int(status[:3]))
    lines = made.start(known, may_keep=keep).decode().split("\r\n")
    assert lines[-2:] == ["", ""]
    assert made.head_sent
    return made, [line for line in lines[1:-2] if not line.startswith("Date: ")]


GET_11, GET_10, HEAD_11 = "GET / HTTP/1.1", "GET / HTTP/1.0", "HEAD / HTTP/1.1"
LENGTH = ("Content-Length", "5")


@pytest.mark.parametrize(
    ("head", "options", "fields", "facts"),
    [
        (GET_11, {"known": 3}, ["Content-Length: 3"], (True, False, False)),
        (GET_11, {}, ["Transfer-Encoding: chunked"], (True, False, False)),
        (GET_10, {}, ["Connection: close"], (False, True, False)),
        (GET_10, {"known": 3}, ["Content-Length: 3", "Connection: keep-alive"], (True, False, False)),
        (
            GET_11,
            {"known": 3, "keep": False},
            ["Content-Length: 3", "Connection: close"],
            (False, False, False),
        ),
        (HEAD_11, {"known": 0}, [], (True, False, True)),
        (HEAD_11, {"known": 3}, ["Content-Length: 3"], (True, False, True)),
        (GET_11, {"status": "204 No Content", "known": 0}, [], (True, False, True)),
        (GET_11, {"status": "304 Not Modified", "known": 0}, [], (True, False, True)),
    ],
)
def test_how_a_response_is_framed(
    head: str, options: dict[str, object], fields: list[str], facts: tuple[bool, bool, bool]
) -> None:
    made, lines = framing(head, **options)  # type: ignore[arg-type]
    assert lines == fields
    assert (made.keep, made.by_close, made.bodiless) == facts


def test_what_the_application_declares_is_kept() -> None:
    made, lines = framing(GET_11, LENGTH, known=9)
    assert lines == ["Content-Length: 5"]
    assert (made.fit(b"abc"), made.is_complete, made.cut) == (b"abc", False, 0)
    assert (made.fit(b"defg"), made.is_complete, made.cut, made.sent) == (b"de", True, 2, 5)


def test_nothing_goes_out_that_no_client_reads() -> None:
    made, _ = framing(HEAD_11, LENGTH)
    assert made.is_complete
    assert (made.fit(b"abc"), made.sent) == (b"", 0)


def test_a_body_before_the_head_is_an_error_of_the_application() -> None:
    made = ResponseFraming(parse(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", SETTINGS))
    with pytest.raises(AssertionError, match="before it called start_response"):
        made.start(None, may_keep=True)
