"""The chunked decoder: however a body is cut into chunks, and the chunks into reads, the content is the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.http.chunked import ChunkedDecoder
from mooring.http.errors import RequestError

NUMBERS = st.lists(st.integers(1, 40), max_size=30)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [piece for piece in [*pieces, data] if piece]


@given(
    st.binary(max_size=400),
    NUMBERS,
    NUMBERS,
    st.sampled_from([b"", b";a", b';a="b;c"', b" ; a = b"]),
    st.binary(max_size=50),
)
def test_content_and_rest(
    body: bytes, chunks: list[int], reads: list[int], extension: bytes, rest: bytes
) -> None:
    coded = b"".join(b"%X%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in cut(body, chunks))
    coded += b"0\r\nX: y\r\n\r\n" + rest
    decoder = ChunkedDecoder(max_body=0)
    content, over = b"", b""
    for piece in cut(coded, reads):
        if decoder.done:
            over += piece
        else:
            content += decoder.decode(piece)
            over = decoder.rest
    assert decoder.done
    assert (content, over) == (body, rest)


@given(st.binary(max_size=200), NUMBERS)
def test_garbage_is_refused_or_waited_for_and_reading_it_in_pieces_changes_nothing(
    data: bytes, reads: list[int]
) -> None:
    outcomes = []
    for pieces in ([data], cut(data, reads)):
        decoder = ChunkedDecoder(max_body=1000)
        content = b""
        try:
            for piece in pieces:
                if not decoder.done:
                    content += decoder.decode(piece)
        except RequestError as error:
            outcomes.append(error.status)
        else:
            outcomes.append((decoder.done, content))
    assert outcomes[0] == outcomes[1] or not data


def test_a_body_over_the_limit_is_refused_by_its_announced_size() -> None:
    decoder = ChunkedDecoder(max_body=10)
    assert decoder.decode(b"a\r\n0123456789\r\n") == b"0123456789"
    with pytest.raises(RequestError) as caught:
        decoder.decode(b"1\r\n")
    assert caught.value.status == 413
