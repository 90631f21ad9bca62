"""JSON from others: what is accepted is what json accepts, and no nesting comes near the recursion limit."""

from __future__ import annotations

import gc
import json

import pytest

from multicloud.core import shallow


def test_what_the_collector_ends_meanwhile_has_room() -> None:
    before = gc.get_threshold()
    ended = []

    class Other:
        """Another request's, in a cycle, with an end that calls something."""

        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            ended.append(json.loads("[" * 400 + "]" * 400) is not None)

    gc.collect()
    Other()
    # It runs after some 600 more objects: far down in the nesting, if the parser goes there.
    gc.set_threshold(600)
    try:
        with pytest.raises(ValueError, match="is nested too deeply"):
            shallow.loads(b"[" * 100_000)
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert ended == [True]


@pytest.mark.parametrize(
    "deep", [b"[" * 501, b'{"a":' * 501, b'"[]\\"", ' + b"[" * 501, ("[" * 501).encode("utf-16")]
)
def test_the_most_levels(deep: bytes) -> None:
    with pytest.raises(ValueError, match="is nested too deeply"):
        shallow.loads(deep)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500 + b"]" * 500,
        b"[" + b",".join([b'{"a": []}'] * 2000) + b"]",
        json.dumps(["[{" * 600, '"[' * 600, "\\" * 601]).encode(),
        json.dumps(["\u5b5b\u2222" * 600], ensure_ascii=False).encode("utf-16"),
        '{"a": "ä"}'.encode("utf-8-sig"),
        b'"\xed\xa0\x80"',
    ],
)
def test_all_else_is_read_as_json_reads_it(body: bytes) -> None:
    assert shallow.loads(body) == json.loads(body)


@pytest.mark.parametrize("body", [b"", b"[", b'"' + b"[" * 600, b"\xff", b"]" * 600 + b"["])
def test_what_is_no_json_is_told_as_json_tells_it(body: bytes) -> None:
    with pytest.raises(ValueError) as ours:  # noqa: PT011 - which error it is, json tells below
        shallow.loads(body)
    with pytest.raises(ValueError) as theirs:  # noqa: PT011
        json.loads(body)
    assert str(ours.value) == str(theirs.value)
