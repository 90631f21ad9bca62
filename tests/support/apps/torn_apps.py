"""A WSGI application whose pages misuse a response.

They leave a send, write late, close a file early, or are generators.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import eventlet

SIZE = 8 << 20
FILE = 20 << 20
Start = Callable[..., Callable[[bytes], None]]
Environ = dict[str, Any]
said: list[str] = []
left: list[str] = []
kept: list[Any] = []
kept_files: list[Any] = []


def torn(_: Environ, start: Start) -> Iterable[bytes]:
    """Give up in the middle of a send, and say that all went well."""
    write = start("200 OK", [("Content-Length", str(SIZE))])
    with eventlet.Timeout(0.5, False):
        write(b"x" * SIZE)
    left.append("torn")
    return []


def torn_chunk(_: Environ, start: Start) -> Iterable[bytes]:
    write = start("200 OK", [])
    with eventlet.Timeout(0.5, False):
        write(b"x" * SIZE)
    left.append("torn_chunk")
    return iter([b"tail"])


def who_left(_: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(left).encode()]


def late(_: Environ, start: Start) -> Iterable[bytes]:
    """Keep write(), and use it when the response has ended."""
    write = start("200 OK", [])
    write(b"one")
    kept.append(write)
    return [b"two"]


def use_kept(_: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    try:
        kept.pop()(b"HTTP/1.1 200 OK\r\nEVIL: 1\r\n\r\n")
    except ValueError as error:
        return [str(error).encode()]
    return [b"it was written"]


def file(environ: Environ, start: Start) -> Iterable[bytes]:
    """Close the file while it is sent, so that another one gets its number."""
    mine = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    mine.write(b"m" * FILE)
    mine.seek(0)

    def exchange() -> None:
        mine.close()
        other = tempfile.TemporaryFile()  # noqa: SIM115
        other.write(b"o" * FILE)
        other.flush()
        kept_files.append(other)

    eventlet.spawn_after(0.3, exchange)
    start("200 OK", [("Content-Length", str(FILE))])
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](mine)
    return wrapped


def generator_204(_: Environ, start: Start) -> Iterator[bytes]:
    start("204 No Content", [])
    while True:
        yield b""


def generator_empty(_: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", [("Content-Length", "0")])
    while True:
        yield b""


def generator_sleeps(_: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", [("Content-Length", "0")])
    yield b""
    eventlet.sleep(3600)


def plain_204(_: Environ, start: Start) -> Iterable[bytes]:
    start("204 No Content", [])

    def parts() -> Iterator[bytes]:
        eventlet.sleep(3600)
        yield b""

    return parts()


def head_only(_: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", [])
    while True:
        yield b""


def stubborn(_: Environ, start: Start) -> Iterable[bytes]:
    """Write on for nobody, whatever is raised, until another request was answered."""
    write = start("200 OK", [("Content-Length", "1")])
    said.clear()
    while not said:
        with contextlib.suppress(BaseException):
            write(b"x" * 65536)
    return []


def say(_: Environ, start: Start) -> Iterable[bytes]:
    said.append("said")
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"said"]


def clears(environ: Environ, start: Start) -> Iterable[bytes]:
    environ.clear()
    raise ValueError("the environ is the application's own")


PAGES = {
    each.__name__: each
    for each in (
        torn,
        torn_chunk,
        who_left,
        late,
        use_kept,
        file,
        generator_204,
        generator_empty,
        generator_sleeps,
        plain_204,
        head_only,
        stubborn,
        say,
        clears,
    )
}


def application(environ: Environ, start: Start) -> Iterable[bytes]:
    """Answer by the page that the path names."""
    page = PAGES.get(environ["PATH_INFO"].strip("/"), say)
    return page(environ, start)
