"""What the worker reads before an application sees it: PROXY headers, forwarded fields, chunked bodies, frames of websockets.

Its connection loop as a whole is fuzzed with the real worker, in `tests/functional/test_worker_fuzz.py`.
"""

from __future__ import annotations

import io
import ipaddress
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mooring.http.chunked import ChunkedDecoder
from mooring.http.errors import RequestError
from mooring.http.forwarded import believed
from mooring.http.proxy_protocol import MAX_LENGTH, SIGNATURE, START_SIZE, parse_client, parse_start
from mooring.http.request import Request
from mooring.http.request_head import PartialHead, head_size
from mooring.http.websocket_frames import Frames
from mooring.settings import load
from support import fuzzing
from support.fuzzing import PARSER, PLACES, bounded, pieces, spoilt

HEADERS = st.builds(
    lambda command, family, length, rest: SIGNATURE + struct.pack("!BBH", command, family, length) + rest,
    st.sampled_from([0x20, 0x21, 0x22, 0x11, 0xFF]),
    st.sampled_from([0x00, 0x11, 0x21, 0x12, 0x31, 0xFF]),
    st.sampled_from([0, 11, 12, 35, 36, 216, MAX_LENGTH, MAX_LENGTH + 1, 0xFFFF]),
    st.sampled_from([b"\x7f\0\0\1" * 60, b"", b"\0" * (MAX_LENGTH + 1)]),
)
TEXT_HEADERS = st.sampled_from([b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"GET / HTTP/1.1\r\n\r\n"])


@settings(PARSER)
@given(spoilt(HEADERS | TEXT_HEADERS))
def test_the_header_of_the_proxy_protocol(data: bytes) -> None:
    stream = io.BytesIO(data)

    def read(size: int) -> bytes:
        assert 0 <= size <= MAX_LENGTH
        received = stream.read(size)
        if len(received) < size:
            raise EOFError
        return received

    with bounded():
        try:
            start = parse_start(read(START_SIZE))
            client = parse_client(start, read(start.size))
        except RequestError as refused:
            assert refused.status == 400
            return
        except EOFError:  # the connection has ended
            return
    if client is not None:
        assert ipaddress.ip_address(client[0])
        assert 0 <= client[1] <= 0xFFFF


HOPS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "192.0.2.1",
                "10.0.0.1:80",
                "[2001:db8::1]:80",
                "2001:db8::1%eth0",
                "unknown",
                "",
                "for=192.0.2.1;proto=https",
                'for="[::1',
                "proto=\x9b",
                "::ffff:1.2.3.4",
            ]
        ),
        fuzzing.TEXTS,
    ),
    max_size=6,
).map(",".join)
NEEDED = {"MOORING_INSTANCE": "api", "MOORING_RUN_DIR": "/run/api", "MOORING_APP": "site:application"}
CONFIGS = [
    load({**NEEDED, "MOORING_TRUSTED_PROXIES": "10.0.0.0/8", "MOORING_FORWARDED_FIELD": field})
    for field in ("x-forwarded", "forwarded")
]


@settings(PARSER)
@given(HOPS, HOPS, st.sampled_from(CONFIGS))
@example("[" * 3000, "https", CONFIGS[0])
def test_forwarded_fields(addresses: str, scheme: str, config: object) -> None:
    environ = {
        "HTTP_X_FORWARDED_FOR": addresses,
        "HTTP_FORWARDED": addresses,
        "HTTP_X_FORWARDED_PROTO": scheme,
    }
    with bounded():
        client, used = believed(environ, "10.0.0.9", config)  # type: ignore[arg-type] # it is Settings
    assert ipaddress.ip_address(client)
    assert used in (None, "http", "https")


HEADS = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next",
        b"\r\nPOST /x?y HTTP/1.0\r\nContent-Length: 1\r\n\r\nz",
        b"\r\n\r\n",
        b"GET /" + b"x" * 9000,
        b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ]
)


@settings(PARSER)
@given(spoilt(HEADS), PLACES)
def test_a_head_in_pieces(data: bytes, places: list[int]) -> None:
    """It ends where it would in one piece, or is refused at the latest where it would be."""

    def collected(parts: list[bytes]) -> tuple[bytes, bytes] | int | None:
        head = PartialHead(CONFIGS[0])
        try:
            for number, part in enumerate(parts):
                if head.feed(part):
                    arrived, size = head.taken()
                    return arrived[:size], arrived[size:] + b"".join(parts[number + 1 :])
        except RequestError as refused:
            assert refused.status in (400, 414, 431)
            return refused.status
        return None

    with bounded():
        whole = collected([data])
        found = collected(pieces(data, places))
        if found == whole or (isinstance(found, int) and isinstance(whole, int)):
            return  # which of two faults is met first depends on the cuts
        assert isinstance(found, int)
        assert isinstance(whole, tuple)
        with pytest.raises(RequestError):  # it was refused before its end
            Request(whole[0], CONFIGS[0])


@settings(PARSER)
@given(spoilt(HEADS))
def test_a_head_in_one_piece(data: bytes) -> None:
    try:
        size = head_size(data, CONFIGS[0])
    except RequestError as refused:
        assert refused.status in (414, 431)
        return
    assert size == 0 or data.index(b"\r\n\r\n") + 4 == size


BODIES = st.sampled_from(
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b'5;a=b;c="d\\"e"\r\nhello\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n',
        b"ffffffffffffffff\r\nx",
        b"1\r\nx\r\n" * 100 + b"0\r\n\r\n",
        b"1;" + b"x" * 300,
        b"0\r\n" + b"X: y\r\n" * 3000,
    ]
)


@settings(PARSER)
@given(spoilt(BODIES), PLACES, st.sampled_from([0, 50]))
def test_a_chunked_body(data: bytes, places: list[int], most: int) -> None:
    def decoded(parts: list[bytes]) -> tuple[object, ...]:
        decoder = ChunkedDecoder(most)
        content, rest = b"", b""
        try:
            for part in parts:
                if decoder.done:
                    rest += part
                else:
                    content += decoder.decode(part)
                    rest = decoder.rest
        except RequestError as refused:
            assert refused.status in (400, 413, 431)
            return ()  # which of two faults is met first depends on the cuts
        assert not most or len(content) <= most
        return (content, decoder.done, rest if decoder.done else b"")

    with bounded():
        assert decoded(pieces(data, places)) == decoded([data])


@settings(PARSER)
@given(
    st.binary(max_size=400)
    | spoilt(st.sampled_from([b"\x88\x02\x03\xe9", b"\x81\x05hello" * 9, b"\x82\x7f" + b"\xff" * 8])),
    PLACES,
)
def test_the_frames_that_an_application_sends(data: bytes, places: list[int]) -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"

    def followed(parts: list[bytes]) -> tuple[bool, bool]:
        frames = Frames()
        for part in parts:
            frames.feed(part)
        return frames.between, frames.closed

    with bounded():
        assert followed(pieces(head + data, places)) == followed([head + data])
