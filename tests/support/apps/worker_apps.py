"""Applications that the worker's tests have served: all plain WSGI, each page one thing."""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import eventlet
from worker_bad_heads import BAD_HEADS

Environ = dict[str, Any]
Page = Callable[[Environ, Any], Iterable[bytes]]

TEXT = ("Content-Type", "text/plain")

# Whole applications


def echo(environ: Environ, start_response: Any) -> list[bytes]:
    """Answer "METHOD path?query body"."""
    path = environ["PATH_INFO"] + ("?" + environ["QUERY_STRING"] if environ["QUERY_STRING"] else "")
    body = environ["wsgi.input"].read()
    start_response("200 OK", [TEXT])
    return [f"{environ['REQUEST_METHOD']} {path} ".encode("latin-1") + body]


def make_echo() -> Any:
    return echo


def show_environ(environ: Environ, start_response: Any) -> list[bytes]:
    """Answer the environ's strings as JSON."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({key: value for key, value in environ.items() if isinstance(value, str)}).encode()]


def always_503(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("503 Service Unavailable", [TEXT])
    return [b"the database\nis away"]


def never_answers(environ: Environ, start_response: Any) -> list[bytes]:
    eventlet.sleep(3600)
    return []


def waits_for_the_end(environ: Environ, start_response: Any) -> list[bytes]:
    """Write to a file of the path's name whether the client is there, until it has gone or the test wants an answer."""
    start_response("200 OK", [TEXT])
    if environ["PATH_INFO"] == "/":
        return [b"the smoke request"]
    file = Path(os.environ["WAITS_FOLDER"]) / environ["PATH_INFO"].strip("/")
    file.write_text("there")
    while not (gone := environ["mooring.client_gone"]()) and not file.with_suffix(".answer").exists():
        eventlet.sleep(0.01)
    file.write_text("gone" if gone else "there")
    return [b"gone" if gone else b"there"]


def answers_late(environ: Environ, start_response: Any) -> list[bytes]:
    eventlet.sleep(2)
    start_response("200 OK", [TEXT])
    return [b"late"]


def make_failing() -> Any:
    raise RuntimeError("no such database")


not_callable = 5

# Pages of `site`: the path's first part is the function's name

released = eventlet.Event()
closed: list[str] = []


def waits(environ: Environ, start_response: Any) -> Iterator[bytes]:
    """Send a part, and the rest when `release` has been called: streaming is not delayed."""
    start_response("200 OK", [TEXT])
    yield b"first"
    released.wait()
    yield b"second"


def release(environ: Environ, start_response: Any) -> list[bytes]:
    released.send(None)
    released.reset()
    start_response("200 OK", [TEXT])
    return [b"released"]


def quiet_wait(environ: Environ, start_response: Any) -> list[bytes]:
    """Answer when `release` has been called."""
    released.wait()
    start_response("200 OK", [TEXT])
    return [b"at last"]


def sleeps_longer_than_the_header_timeout(environ: Environ, start_response: Any) -> list[bytes]:
    eventlet.sleep(1.5)
    start_response("200 OK", [TEXT])
    return [b"slept"]


def writes(environ: Environ, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", [TEXT])
    write(b"one ")
    write(b"")
    write(b"two ")
    return [b"three", b"", b" four"]


def writes_with_length(environ: Environ, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", [TEXT, ("Content-Length", "7")])
    write(b"one ")
    return [b"two"]


def generator(environ: Environ, start_response: Any) -> Iterator[bytes]:
    """A generator calls start_response when it is first asked for a part."""
    start_response("200 OK", [TEXT])
    yield b""
    yield b"a"
    yield b"b" * 100_000
    yield b""
    yield b"c"


def several_parts(environ: Environ, start_response: Any) -> tuple[bytes, ...]:
    start_response("200 OK", [TEXT])
    return (b"a", b"", b"bc")


def nothing(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [TEXT])
    return []


def big(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [TEXT])
    return [b"0123456789" * 1_000_000]


def no_content(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("204 No Content", [("Content-Length", "0")])
    return []


def no_content_with_body(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("204 No Content", [])
    return [b"a body that may not be"]


def not_modified(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("304 Not Modified", [("Content-Length", "1234"), ("ETag", '"x"')])
    return []


def two_cookies(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "caf\xe9")])
    return [b"x"]


def own_date(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Date", "Thu, 01 Jan 1970 00:00:00 GMT")])
    return [b"x"]


def bare_status(environ: Environ, start_response: Any) -> list[bytes]:
    start_response(environ["QUERY_STRING"], [TEXT])
    return [b"x"]


def two_dates(environ: Environ, start_response: Any) -> list[bytes]:
    now = ("date", "Fri, 02 Jan 1970 00:00:00 GMT")
    fields = [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), now, ("Server", "a"), ("server", "b")]
    start_response("200 OK", [*fields, ("Content-Length", " 1 ")])
    return [b"x"]


def upgrade_required(environ: Environ, start_response: Any) -> list[bytes]:
    fields = [("Upgrade", "HTTP/2.0"), ("Connection", environ["QUERY_STRING"])]
    start_response("426 Upgrade Required", fields)
    return [b"x"]


# exc_info (PEP 3333, "The start_response() Callable")


def second_thoughts(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [TEXT, ("X-First", "1"), ("Content-Length", "4")])
    try:
        {}["x"]
    except KeyError:
        start_response("503 Sorry", [TEXT, ("X-Second", "1")], sys.exc_info())
    return [b"second"]


def too_late(environ: Environ, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", [TEXT])
    write(b"begun")
    try:
        {}["x"]
    except KeyError:
        start_response("503 Sorry", [], sys.exc_info())
    return [b"never"]


# Files


def _file(environ: Environ, start_response: Any, headers: list[tuple[str, str]], skip: int = 0) -> Any:
    handle = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    handle.write(bytes(range(256)) * 20_000)
    handle.seek(skip)
    start_response("200 OK", [("Content-Type", "application/octet-stream"), *headers])
    return environ["wsgi.file_wrapper"](handle, 8192)


def file(environ: Environ, start_response: Any) -> Any:
    return _file(environ, start_response, [])


def file_with_length(environ: Environ, start_response: Any) -> Any:
    return _file(environ, start_response, [("Content-Length", "1000")], skip=256)


def file_too_short(environ: Environ, start_response: Any) -> Any:
    return _file(environ, start_response, [("Content-Length", "9999999")])


def file_in_memory(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [TEXT])
    return environ["wsgi.file_wrapper"](io.BytesIO(b"in memory" * 1000))


# The body


def reads(environ: Environ, start_response: Any) -> list[bytes]:
    """Read the body as the query says and answer the pieces as JSON."""
    stream = environ["wsgi.input"]
    how = environ["QUERY_STRING"]
    if how == "pieces":
        pieces = list(iter(lambda: stream.read(4), b""))
    elif how == "line":
        pieces = list(iter(stream.readline, b""))
    elif how == "short_line":
        pieces = list(iter(lambda: stream.readline(3), b""))
    elif how == "lines":
        pieces = stream.readlines()
    elif how == "some_lines":
        pieces = [b"".join(lines) for lines in iter(lambda: stream.readlines(5), [])]
    elif how == "iterate":
        pieces = list(stream)
    else:
        pieces = [stream.read()]
    assert stream.read() == b""
    assert stream.read(10) == b""
    start_response("200 OK", [TEXT])
    return [json.dumps([piece.decode() for piece in pieces]).encode()]


def ignores_body(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [TEXT])
    return [b"not read"]


def counts_body(environ: Environ, start_response: Any) -> list[bytes]:
    total = 0
    while piece := environ["wsgi.input"].read(65536):
        total += len(piece)
    start_response("200 OK", [TEXT])
    return [b"%d" % total]


def sees_body(environ: Environ, start_response: Any) -> list[bytes]:
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [TEXT])
    seen = [size, environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING")]
    return [json.dumps(seen).encode()]


def rewinds(environ: Environ, start_response: Any) -> list[bytes]:
    """Read the body twice, as far as it can be rewound."""
    stream = environ["wsgi.input"]
    found: dict[str, Any] = {"seekable": stream.seekable(), "first": len(stream.read())}
    try:
        found["told"] = stream.tell()
        stream.seek(0)
    except io.UnsupportedOperation as error:
        found["refused"] = str(error)
    found["second"] = len(stream.read())
    start_response("200 OK", [TEXT])
    return [json.dumps(found).encode()]


def swallows_body_error(environ: Environ, start_response: Any) -> list[bytes]:
    try:
        environ["wsgi.input"].read()
        text = b"whole"
    except OSError as error:
        text = str(error).encode()
    start_response("200 OK", [TEXT])
    return [text]


def sends_while_reading(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    while piece := environ["wsgi.input"].read(5):
        yield piece


def sends_before_reading(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    yield b"begun"
    yield environ["wsgi.input"].read()


# Faults


def raises(environ: Environ, start_response: Any) -> list[bytes]:
    raise ValueError('secret\n{"time": "forged"}\x1b[31m')


def raises_after_start(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [TEXT, ("X-Lost", "1")])
    raise ValueError("secret")


def raises_in_chunks(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    yield b"begun"
    raise ValueError("secret")


def exits(environ: Environ, start_response: Any) -> list[bytes]:
    sys.exit(3)


def times_out(environ: Environ, start_response: Any) -> list[bytes]:
    with eventlet.Timeout(0.01):
        eventlet.sleep(3600)
    return []


def leaves_a_timer(environ: Environ, start_response: Any) -> list[bytes]:
    eventlet.Timeout(0.1)  # and does not cancel it
    eventlet.spawn_after(0.05, eventlet.getcurrent().switch)
    start_response("200 OK", [TEXT])
    return [b"left"]


def no_start_response(environ: Environ, start_response: Any) -> list[bytes]:
    return [b"x"]


def start_response_twice(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return [b"x"]


def returns_text(environ: Environ, start_response: Any) -> list[Any]:
    start_response("200 OK", [])
    return ["text"]


def returns_none(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [])


def too_long(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello and more"]


def too_long_in_parts(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    yield b"hel"
    yield b"lo and"
    yield b" more"


def too_short(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "50")])
    return [b"hello"]


def bad_head(environ: Environ, start_response: Any) -> list[bytes]:
    """Give start_response what the query names, which must be refused."""
    status, headers = BAD_HEADS[environ["QUERY_STRING"]]
    start_response(status, headers)
    return [b"x"]


class _Closing:
    """A body whose close() must be called, whatever happens."""

    def __init__(self, name: str, fail: bool = False) -> None:
        self.name = name
        self.fail = fail

    def __iter__(self) -> Iterator[bytes]:
        yield b"x" * 100
        if self.name == "fails":
            raise ValueError("in the middle")
        if self.name == "endless":
            while True:
                yield b"x" * 65536

    def close(self) -> None:
        closed.append(self.name)
        if self.fail:
            raise ValueError("in close")


def closing(environ: Environ, start_response: Any) -> Any:
    start_response("200 OK", [TEXT])
    name = environ["QUERY_STRING"]
    return _Closing(name, fail=name == "fails_in_close")


def what_closed(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [TEXT])
    return [" ".join(closed).encode()]


# The process


def logs(environ: Environ, start_response: Any) -> list[bytes]:
    """Write as many bytes to standard error as the query says, and to standard output."""
    size = int(environ["QUERY_STRING"])
    environ["wsgi.errors"].write("e" * size + "\n")
    sys.stdout.write("o" * size + "\n")
    print("printed")
    start_response("200 OK", [TEXT])
    return [b"logged"]


def prints(environ: Environ, start_response: Any) -> list[bytes]:
    """Print many lines and a long one, to both streams."""
    for stream in (sys.stdout, sys.stderr):
        for number in range(int(environ["QUERY_STRING"])):
            print(f"line {number} {'x' * 100}", file=stream)
        print("y" * 100_000, file=stream)
        print("the end", file=stream)
    start_response("200 OK", [TEXT])
    return [b"printed"]


hoard: list[Any] = []


def takes_descriptors(environ: Environ, start_response: Any) -> list[bytes]:
    """Open files until there are no descriptors left."""
    try:
        while True:
            hoard.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        text = f"{len(hoard)} and then {error.strerror}"
    start_response("200 OK", [TEXT])
    return [text.encode()]


def gives_descriptors(environ: Environ, start_response: Any) -> list[bytes]:
    while hoard:
        os.close(hoard.pop())
    start_response("200 OK", [TEXT])
    return [b"given back"]


def descriptors(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [TEXT])
    return [b"%d" % sum(1 for _ in Path("/proc/self/fd").iterdir())]


def takes_memory(environ: Environ, start_response: Any) -> list[bytes]:
    hoard.append(os.urandom(1 << 20) * 64)
    start_response("200 OK", [TEXT])
    return [b"taken"]


def counts(environ: Environ, start_response: Any) -> list[bytes]:
    """Append the body to the file that the environment names: one line per request, whoever serves it."""
    line = environ["wsgi.input"].read() or environ["QUERY_STRING"].encode()
    eventlet.sleep(0.002)
    with Path(os.environ["COUNT_FILE"]).open("ab", buffering=0) as handle:
        handle.write(line + b"\n")
    start_response("200 OK", [TEXT])
    return [line]


def who(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [TEXT])
    return [b"%d" % os.getpid()]


def root(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [TEXT])
    return [b"root"]


def site(environ: Environ, start_response: Any) -> Iterable[bytes]:
    name = environ["PATH_INFO"].strip("/") or "root"
    page: Page = globals()[name]
    return page(environ, start_response)


validated_site = validator(site)
