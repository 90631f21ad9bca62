"""What the client for A&AI and MSB makes of heads, chunks and codings; its exchanges are tests/contract's."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Iterator

import pytest

from multicloud.client import (
    DecodeError,
    HTTPError,
    Origin,
    PoolLimits,
    PoolManager,
    ProtocolError,
    ResponseTooLargeError,
    Timeout,
    TimeoutExpiredError,
    decoding,
)
from multicloud.client.connection import Connection
from multicloud.client.head import parse
from multicloud.client.manager import MAX_POOLS
from multicloud.client.pool import QUIET, ConnectionPool


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 200 OK", (200, [], None, False, True)),
        (b"HTTP/1.1 200", (200, [], None, False, True)),
        (b"HTTP/1.1 404 N\xc3\xb6 such thing", (404, [], None, False, True)),
        (b"HTTP/1.0 200 OK", (200, [], None, False, False)),
        (
            b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive",
            (200, [("Connection", "Keep-Alive")], None, False, True),
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: x, Close",
            (200, [("Connection", "x, Close")], None, False, False),
        ),
        (
            b"HTTP/1.1 200 OK\r\nA:b\r\nA: \t c \r\nB:",
            (200, [("A", "b"), ("A", "c"), ("B", "")], None, False, True),
        ),
        (b"HTTP/1.1 200 OK\nA: b\nC: d", (200, [("A", "b"), ("C", "d")], None, False, True)),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\td", (200, [("A", "b c d")], None, False, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", (200, [("Content-Length", "5")], 5, False, True)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5, 5", (200, [("content-length", "5, 5")], 5, False, True)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 5",
            (200, [("Transfer-Encoding", "Chunked"), ("Content-Length", "5")], None, True, True),
        ),
    ],
)
def test_heads(head: bytes, expected: tuple[object, ...]) -> None:
    found = parse(head)
    assert (found.status, found.headers, found.length, found.chunked, found.keep) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/2 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1 200 OK\r\nno colon",
        b"HTTP/1.1 200 OK\r\n: no name",
        b"HTTP/1.1 200 OK\r\nspace : before the colon",
        b"HTTP/1.1 200 OK\r\n folded: onto the status line",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5x",
        b"HTTP/1.1 200 OK\r\nContent-Length: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1234567890123456789",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK" + b"\r\nA: b" * 101,
    ],
)
def test_heads_that_break_http(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(head)


RAW_DEFLATE = zlib.compressobj(wbits=-15)
TEXT = bytes(range(256)) * 1000


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("X-GZip", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        ("gzip", gzip.compress(TEXT) + b"\0" * 10),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", RAW_DEFLATE.compress(TEXT) + RAW_DEFLATE.flush()),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT))),
        ("br", TEXT),
        ("gzip", b""),
    ],
)
@pytest.mark.parametrize("size", [1, 1000, 1 << 30])
def test_codings(encoding: str, data: bytes, size: int) -> None:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    found = list(decoding.decode(pieces, encoding))
    assert b"".join(found) == (TEXT if data else b"")
    assert encoding == "br" or all(len(piece) <= decoding.BLOCK for piece in found), "memory is bounded"


@pytest.mark.parametrize(
    "data", [b"not gzip", gzip.compress(TEXT)[:-20], gzip.compress(TEXT)[:50] + b"\xff" * 500]
)
def test_a_coding_that_is_broken(data: bytes) -> None:
    with pytest.raises(DecodeError):
        list(decoding.decode([data], "gzip"))


def bomb(codings: int, size: int = 100 << 20) -> bytes:
    """Return zeros that were encoded so often, each time at the best that gzip can do."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    data = b"".join(packer.compress(zeros) for _ in range(size >> 20)) + packer.flush()
    for _ in range(codings - 1):
        data = gzip.compress(data)
    return data


@pytest.mark.parametrize(
    "encoding",
    [
        "gzip, gzip, gzip, gzip",
        ",".join(["gzip"] * 10_000),
        "deflate,gzip,x-gzip,deflate",
        "gzip,,gzip,\t,gzip,gzip",
    ],
)
def test_a_chain_of_codings_is_refused(encoding: str) -> None:
    with pytest.raises(DecodeError, match="more than 3 content codings"):
        decoding.decode([], encoding)


def test_codings_that_are_not_undone_may_be_many() -> None:
    assert list(decoding.decode([b"x"], ",".join(["br"] * 10_000))) == [b"x"]


@pytest.mark.parametrize("codings", [1, 2, 3])
def test_a_bomb_ends_early(codings: int) -> None:
    data = bomb(codings)
    size = 0

    def explode() -> None:
        nonlocal size
        for piece in decoding.decode([data], ", ".join(["gzip"] * codings)):
            size += len(piece)

    with pytest.raises(ResponseTooLargeError, match="decodes to more than 64 MiB"):
        explode()
    assert size <= decoding.MAX_DECODED


def test_members_without_content_come_to_an_end() -> None:
    empty = gzip.compress(b"") * 1000
    with pytest.raises(ResponseTooLargeError):
        list(decoding.decode([empty] * 1000, "gzip"))


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection that has begun an exchange, and the other side's socket."""
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    connection.begin(time.monotonic() + 60, 60)
    with theirs:
        yield connection, theirs
    connection.close()


def body_of(connection: Connection) -> bytes:
    return b"".join(iter(connection.piece, b""))


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "body", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1", b"{}", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx", b"", False),
        (b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", b"{}", False),
        (CHUNKED + b"2\r\n{}\r\n1;x=y\r\n!\r\n0\r\nTrailer: t\r\n\r\n", b"{}!", True),
        (CHUNKED + b"1\r\n!\r\n" * 10_000 + b"0\r\n\r\n", b"!" * 10_000, True),
        (b"HTTP/1.1 103 Early\r\n\r\n" * 32 + b"HTTP/1.1 204 No\r\n\r\n", b"", True),
        (CHUNKED + b"2\r\n{}\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b"{}", False),
        (CHUNKED + b"0\r\n\r\nnonsense", b"", False),
    ],
)
def test_a_connection_that_may_be_used_again(
    ends: tuple[Connection, socket.socket], sent: bytes, body: bytes, *, reusable: bool
) -> None:
    connection, theirs = ends
    theirs.sendall(sent)
    connection.head("GET")
    assert (body_of(connection), connection.ended, connection.reusable) == (body, True, reusable)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000,
        b"\r\n" * 3,
        b"x" * 10,
        CHUNKED + b"2\r\n{}\r\n0\r\nTrailer: " + b"x" * 200_000,
        CHUNKED + b"2;ext=" + b"x" * 200_000,
        CHUNKED + (b"1;" + b"x" * 10_000 + b"\r\n!\r\n") * 20,
        b"HTTP/1.1 103 Early\r\n\r\n" * 40,
        b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 40 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_what_is_refused_before_it_ends(ends: tuple[Connection, socket.socket], sent: bytes) -> None:
    connection, theirs = ends
    theirs.setblocking(False)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    theirs.send(sent)

    def read() -> None:
        connection.head("GET")
        body_of(connection)

    with pytest.raises(HTTPError) as caught:
        read()
    assert not isinstance(caught.value, TimeoutExpiredError)


def test_limits_are_kept_by_the_total(ends: tuple[Connection, socket.socket]) -> None:
    connection, _ = ends
    connection.begin(time.monotonic() - 1, 60)
    with pytest.raises(TimeoutExpiredError, match="took too long"):
        connection.head("GET")


def test_what_is_not_sent_again_takes_a_connection_that_has_been_quiet() -> None:
    pool = ConnectionPool(PoolLimits(8, 60))
    pairs = [socket.socketpair() for _ in range(3)]
    ended, quiet, fresh = connections = [Connection(ours) for ours, _ in pairs]
    for connection in connections:
        pool.put(connection)
    ended.idle_since = quiet.idle_since = time.monotonic() - 2 * QUIET
    fresh.idle_since = time.monotonic() + 60  # a moment ago, however slow this machine is
    pairs[0][1].close()
    assert pool.get(quiet=True) is quiet
    assert pairs[0][0].fileno() == -1, "the one that had ended was closed"
    assert pool.get(quiet=True) is None, "a fresh one may be about to end"
    assert pool.get() is fresh, "and is kept for what can be sent again"
    for pair in pairs:
        for end in pair:
            end.close()


def test_a_pool_is_bounded_and_closes_what_it_gives_up() -> None:
    pool = ConnectionPool(PoolLimits(2, 60))
    pairs = [socket.socketpair() for _ in range(4)]
    for ours, _ in pairs[:3]:
        pool.put(Connection(ours))
    assert [ours.fileno() == -1 for ours, _ in pairs] == [False, False, True, False]
    pairs[0][1].sendall(b"nobody has asked")
    busy = pool.get()
    assert busy is not None
    assert pool.get() is None, "one that has spoken unasked is not used again"
    pool.put(Connection(pairs[3][0]))
    pool.close()
    assert pairs[3][0].fileno() == -1
    pool.put(busy)
    assert pairs[1][0].fileno() == -1, "an exchange may end after its pool"
    for pair in pairs:
        for end in pair:
            end.close()


def test_a_manager_keeps_a_bounded_number_of_pools_and_closes_them_at_its_end() -> None:
    manager = PoolManager(Timeout(1, 1, 1), PoolLimits(2, 60), ca_file=None, verify=True)
    pairs = []
    for number in range(MAX_POOLS + 1):
        pairs.append(socket.socketpair())
        pool = manager.pool(Origin("http", "b", number))
        assert manager.pool(Origin("http", "b", number)) is pool
        pool.put(Connection(pairs[-1][0]))
    assert [ours.fileno() == -1 for ours, _ in pairs] == [True] + [False] * MAX_POOLS, "the oldest origin's"
    del manager
    assert all(ours.fileno() == -1 for ours, _ in pairs)
    for pair in pairs:
        for end in pair:
            end.close()
