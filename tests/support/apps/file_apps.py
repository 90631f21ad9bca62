"""Files and what looks like one, as bodies: one table for Django, for Pecan and for plain WSGI."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
import tempfile
import threading
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("FILE_APPS", "/nonexistent"))
SMALL = b"small " * 1000
LARGE = bytes(range(256)) * 2000
HUGE = 30 << 20
PROC, SYS = Path("/proc/version"), Path("/sys/class/net/lo/mtu")
KIND = "application/octet-stream"


def _made(name: str, data: bytes) -> Path:
    path = FOLDER / name
    if not path.exists():
        path.write_bytes(data)
    return path


class Range:
    """A reader that ends at a range's end, with the descriptor of the whole file."""

    def __init__(self, start: int, size: int) -> None:
        self._file = _made("large", LARGE).open("rb")
        self._file.seek(start)
        self._left = size
        self.fileno, self.close = self._file.fileno, self._file.close

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(min(self._left, size if size >= 0 else self._left))
        self._left -= len(block)
        return block


class Shouting(io.FileIO):
    """A file whose class reads in its own way."""

    def read(self, size: int | None = -1) -> bytes:
        return (super().read(-1 if size is None else size) or b"").upper()

    def readinto(self, buffer: Any) -> int:
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def compressed(module: Any, name: str) -> Any:
    path = FOLDER / name
    with module.open(path, "wb") as file:
        file.write(LARGE)
    return module.open(path, "rb")


def member() -> Any:
    path = FOLDER / "t.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(_made("large", LARGE), "first")
        archive.add(_made("small", SMALL), "second")
    return tarfile.open(path).extractfile("second")


def zip_member() -> Any:
    path = FOLDER / "z.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", LARGE)
    return zipfile.ZipFile(path).open("a")


def fifo(*, blocks: bool) -> Any:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(LARGE)

    if not blocks:
        os.set_blocking(reading, False)
    threading.Timer(0.05, write).start()
    return os.fdopen(reading, "rb")


def socket_file() -> Any:
    ours, theirs = socket.socketpair()

    def write() -> None:
        theirs.sendall(LARGE)
        theirs.close()

    threading.Timer(0.05, write).start()
    file = ours.makefile("rb")
    ours.close()
    return file


def seeked(kind: str, buffering: int = -1, *, size: str = "large") -> Any:
    file = _made(size, LARGE if size == "large" else SMALL).open(kind, buffering)
    file.seek(0)
    assert file.read(100)  # a buffered one holds more than it has given
    return file


def written() -> Any:
    file = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - the server closes it
    file.write(SMALL)
    file.seek(0)
    file.seek(0, io.SEEK_END)
    file.write(SMALL)  # still in the buffer
    file.seek(0)
    return file


def replaced() -> Any:
    file = _made("large", LARGE).open("rb")
    file.read = lambda size=-1: type(file).read(file, size).swapcase()  # type: ignore[method-assign,assignment]
    return file


FILES: dict[str, Callable[[], Any]] = {
    "bz2": lambda: compressed(bz2, "l.bz2"),
    "gzip": lambda: compressed(gzip, "l.gz"),
    "lzma": lambda: compressed(lzma, "l.xz"),
    "member": member,
    "zip": zip_member,
    "range": lambda: Range(1000, 5000),
    "shouting": lambda: Shouting(_made("small", SMALL)),
    "buffered_shouting": lambda: io.BufferedReader(Shouting(_made("small", SMALL))),
    "replaced": replaced,
    "fifo": lambda: fifo(blocks=True),
    "fifo_nonblocking": lambda: fifo(blocks=False),
    "socket": socket_file,
    "plain": lambda: seeked("rb"),
    "plain_small": lambda: seeked("rb", size="small"),
    "raw": lambda: seeked("rb", 0),
    "append": lambda: seeked("a+b"),
    "written": written,
    "at_its_end": lambda: _made("empty", b"").open("rb"),
    "proc": lambda: PROC.open("rb"),
    "sys": lambda: SYS.open("rb"),
    "memory": lambda: io.BytesIO(LARGE),
}

EXPECTED: dict[str, bytes] = {
    **dict.fromkeys(("bz2", "gzip", "lzma", "zip", "fifo", "fifo_nonblocking", "socket", "memory"), LARGE),
    "member": SMALL,
    "range": LARGE[1000:6000],
    "shouting": SMALL.upper(),
    "buffered_shouting": SMALL.upper(),
    "replaced": LARGE.swapcase(),
    **dict.fromkeys(("plain", "raw", "append"), LARGE[100:]),
    "plain_small": SMALL[100:],
    "written": SMALL * 2,
    "at_its_end": b"",
    "proc": PROC.read_bytes(),
    "sys": SYS.read_bytes(),
}


def wrapped(environ: dict[str, Any], start_response: Any, name: str) -> Any:
    """Answer with a file; the query is the Content-Length, if any."""
    fields = [("Content-Type", KIND)]
    if environ["QUERY_STRING"]:
        fields.append(("Content-Length", environ["QUERY_STRING"]))
    file = special(name)
    start_response("200 OK", fields)
    return environ["wsgi.file_wrapper"](file, 4096)


def special(name: str) -> Any:
    if name == "text":
        return _made("small", SMALL).open()
    if name == "closed":
        file = _made("small", SMALL).open("rb")
        file.close()
        return file
    if name == "write_only":
        return io.FileIO(FOLDER / "new", "w")
    if name in ("grows", "shrinks"):  # it is larger than what a client takes that does not read
        file = (FOLDER / name).open("w+b", 0)
        file.truncate(HUGE)
        threading.Timer(0.2, os.truncate, (FOLDER / name, HUGE * 2 if name == "grows" else HUGE // 2)).start()
        return file
    return FILES[name]()


def make_wsgi() -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        name = environ["PATH_INFO"].strip("/")
        if not name:
            start_response("200 OK", [("Content-Type", KIND)])
            return [b"root"]
        return wrapped(environ, start_response, name)

    return application


def make_django() -> Any:
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import FileResponse, HttpRequest, HttpResponse
    from django.urls import path

    def view(request: HttpRequest, name: str = "") -> Any:
        if not name:
            return HttpResponse("root")
        response = FileResponse(special(name), content_type=KIND)
        if query := request.META["QUERY_STRING"]:
            response["Content-Length"] = query
        return response

    urls = types.ModuleType("urls")
    urls.urlpatterns = [path("", view), path("<str:name>", view)]  # type: ignore[attr-defined]
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls, SECRET_KEY="none")  # noqa: S106
    django.setup()
    return WSGIHandler()


def make_pecan() -> Any:
    import pecan

    class Root:
        @pecan.expose(content_type=KIND)
        def _default(self, *names: str) -> Any:
            if not names:
                return b"root"
            request, response = pecan.request, pecan.response
            response.status = 203  # with 200 Pecan itself reads the whole body
            response.app_iter = request.environ["wsgi.file_wrapper"](special(names[0]), 4096)
            if request.query_string:
                response.content_length = int(request.query_string)
            return response

    return pecan.make_app(Root(), debug=False)
