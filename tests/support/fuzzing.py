"""What the fuzz targets share: how long they run, bounds of time and memory, and documents that are almost right.

`make test` runs each target briefly, with the same examples each time. `make fuzz` (`HYPOTHESIS_PROFILE=fuzz`) runs long with new
ones; what it finds is printed with the line that reproduces it, and tried first by the next run.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONG = {
    "max_examples": 50_000,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
}
settings.register_profile("default", max_examples=150, deadline=None, derandomize=True)
settings.register_profile("fuzz", **LONG)  # type: ignore[arg-type] # each has its own type
settings.register_profile("hunt", parent=settings.get_profile("fuzz"), max_examples=1000)
settings.register_profile("parsers", parent=settings.get_profile("default"), max_examples=35)
NAME = os.environ.get("HYPOTHESIS_PROFILE", "default")
PROFILE = settings.get_profile(NAME)
"""For a test that has the real worker on the other side."""
PARSER = settings.get_profile("parsers" if NAME == "default" else NAME)
"""For a test of one parser: there are many."""

HANGS = 60
"""Seconds after which a parser hangs: the slowest example takes a few milliseconds."""
MEMORY = 1 << 30
"""Bytes of memory that a parser may take beside what the process has."""


class HangError(BaseException):
    """A parser has not come to an end; no `except Exception` of its own catches this."""


@contextmanager
def bounded() -> Iterator[None]:
    """Have what hangs, or takes too much memory, fail; to be entered by the main thread."""

    def hang(_: int, __: FrameType | None) -> None:
        raise HangError(f"no end within {HANGS} s")

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = pages * resource.getpagesize() + MEMORY
    before = signal.signal(signal.SIGALRM, hang)
    try:
        if soft == resource.RLIM_INFINITY or bound < soft:
            resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
        signal.setitimer(signal.ITIMER_REAL, HANGS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


# --- documents ---------------------------------------------------------------------------------------------------

STEERS = [
    "\x1b[2J",
    "\x1b]0;x\x07",
    "\x9b31m",
    "\r",
    "\n",
    "\x85",
    "\u2028",
    "\u202e",
    "\ud800",
    "\x7f",
    "\x00",
]
"""What steers a terminal, forges a line, or cannot be encoded."""
TEXTS = st.one_of(
    st.text(st.characters(max_codepoint=0x2FFF), max_size=12),
    st.lists(st.sampled_from([*STEERS, "a", "../", "/", " "]), max_size=4).map("".join),
    st.integers(1, 3000).map(lambda size: "x" * size),
)
LITERALS = [
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "-Infinity",
    "1.5e3",
    "-0",
    "9" * 30,
    "9" * 5000,
    "0." + "9" * 5000,
]
LITERAL = re.compile(r'"LITERAL:([^"]*)"')
SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70_000),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.sampled_from(LITERALS).map("LITERAL:{}".format),
)


def nested(depth: int) -> Any:
    """Return lists and objects within each other."""
    value: Any = []
    for each in range(depth):
        value = [value] if each % 2 else {"x": value}
    return value


VALUES = st.one_of(
    SIMPLE,
    st.lists(SIMPLE, max_size=3),
    st.dictionaries(TEXTS, SIMPLE, max_size=3),
    st.sampled_from([1, 5, 30, 33, 100, 400]).map(nested),
)
SPLINTERS = st.one_of(
    st.sampled_from(
        [
            b"",
            b"\0",
            b"\n",
            b"\r\n",
            b" ",
            b"[",
            b"]",
            b"{",
            b"}",
            b'"',
            b",",
            b":",
            b"\\u",
            b"\xff",
            b"\xef\xbb\xbf",
            b"9",
            b"<",
            b">",
        ]
    ),
    st.binary(max_size=6),
)


@st.composite
def spoilt(draw: st.DrawFn, documents: st.SearchStrategy[bytes]) -> bytes:
    """Draw a document, and put splinters into it, some of them many times."""
    data = draw(documents)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        at, dropped = draw(st.integers(0, len(data))), draw(st.sampled_from([0, 0, 1, 4, 50]))
        data = (
            data[:at] + draw(SPLINTERS) * draw(st.sampled_from([1, 1, 1, 2, 40, 3000])) + data[at + dropped :]
        )
    return data


@st.composite
def changed(draw: st.DrawFn, valid: Any) -> Any:
    """Draw a value of the shape of a valid one, some parts of which are lacking, added, or anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if isinstance(valid, dict):
        found = {name: draw(changed(each)) for name, each in valid.items() if draw(st.integers(0, 15))}
        if draw(st.integers(0, 3)) == 0:
            found.update(draw(st.dictionaries(TEXTS, VALUES, max_size=2)))
        return found
    if isinstance(valid, list):
        return [
            draw(changed(each)) for each in valid for _ in range(draw(st.sampled_from([1, 1, 1, 1, 0, 2])))
        ]
    return valid


def encoded(value: Any, encoding: str = "utf-8", *, ascii_alone: bool = True) -> bytes:
    """Write a value as JSON, its `LITERAL`s as they are."""
    text = json.dumps(value, ensure_ascii=ascii_alone)
    return LITERAL.sub(r"\1", text).encode(encoding, "surrogatepass")


def documents(*valid: Any) -> st.SearchStrategy[bytes]:
    """Draw JSON texts that resemble these values: sound ones, ones of wrong parts, broken ones."""
    whole = st.builds(
        encoded,
        st.sampled_from(valid).flatmap(changed),
        st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32-le"]),
        ascii_alone=st.booleans(),
    )
    return spoilt(whole) | st.sampled_from([b"", b"null", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000])


def pieces(data: bytes, places: list[int]) -> list[bytes]:
    """Cut the data at these places (modulo its length)."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(ends)]


PLACES = st.lists(st.integers(0, 10_000), max_size=5)


# --- what is well-formed -------------------------------------------------------------------------------------------


def check_json(value: Any) -> None:
    """Fail unless this is what JSON has: it can be written and read again, and is the same."""
    assert json.loads(json.dumps(value, allow_nan=False)) == value


STEERING = {
    0x7F,
    0x61C,
    0x200E,
    0x200F,
    *range(0x20),
    *range(0x80, 0xA0),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
}
"""C0, DEL, C1, what turns the direction of a line, line separators; beside them half characters (surrogates)."""


def check_plain(text: str, kept: str = "") -> None:
    """Fail if a text holds what steers a terminal or forges a line."""
    codes = {ord(each) for each in set(text) - set(kept)}
    assert not codes & STEERING, ascii(text)
    assert not [code for code in codes if 0xD800 <= code <= 0xDFFF], ascii(text)


def check_all_plain(value: Any) -> None:
    """Fail if a text anywhere in a value is not plain."""
    if isinstance(value, str):
        check_plain(value)
    elif isinstance(value, dict):
        for name, each in value.items():
            check_plain(name)
            check_all_plain(each)
    elif isinstance(value, list):
        for each in value:
            check_all_plain(each)
