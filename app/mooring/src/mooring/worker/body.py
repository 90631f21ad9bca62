"""The request's body: read from the socket as the application asks for it, never ahead.

``wsgi.input`` ends where the body ends (PEP 3333; ``wsgi.input_terminated`` says so), whether the length was given or
the body comes in chunks. It can be rewound (``seekable``) only when all of it is there: spooled, or arrived with the
head. What had already arrived with the head is decoded before the application is called, so that a body whose coding
is broken from the start is refused without calling it.
"""

from __future__ import annotations

import io
import tempfile
from typing import Any

from mooring.http.body import LengthDecoder
from mooring.http.chunked import ChunkedDecoder
from mooring.http.errors import RequestError
from mooring.http.request import CHUNKED, Request
from mooring.settings import Settings
from mooring.worker.pace import Pace
from mooring.worker.transport import CHUNK, ExpiredError, GoneError, Transport

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

SKIP = 65536
"""Most bytes that are read away after the response, so that the connection can be kept."""


READS_TO_THE_END = "wsgi_input_terminated"
"""An attribute of a WSGI callable that is True when it reads bodies without CONTENT_LENGTH, by ``wsgi.input_terminated``."""


def spools(application: Any, settings: Settings) -> bool:
    """Tell whether a chunked body is received as a whole before the application is called."""
    if settings.chunked_bodies == "auto":
        return settings.framework == "django" and getattr(application, READS_TO_THE_END, False) is not True
    return settings.chunked_bodies == "spool"


class BodyError(OSError):
    """The body cannot be read to its end. If the application lets it pass, ``status`` is the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _write(file: Any, data: bytes) -> None:
    """Write all of the data; a file without a buffer may take less at a time."""
    left = memoryview(data)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> BodyError:
    return BodyError(500, f"no room to spool the body: {error.strerror}")


class Body(io.RawIOBase):
    """The body of one request. ``rest`` holds the bytes that arrived behind it, once it is ``finished``."""

    def __init__(self, request: Request, arrived: bytes, transport: Transport, settings: Settings) -> None:
        """Take what arrived with the head. Raises RequestError when its coding is broken."""
        super().__init__()
        self._transport = transport
        self._settings = settings
        self._pace: Pace | None = None
        length = request.length
        self._decoder = LengthDecoder(length) if length != CHUNKED else ChunkedDecoder(settings.max_body)
        self._ready = b""
        self._error: BodyError | None = None
        self._spooled: Any = None
        self.rest = b""
        self.must_continue = request.expects_continue
        self._take(arrived)

    @property
    def finished(self) -> bool:
        """Whether all of the body has arrived."""
        return self._decoder.done

    @property
    def skippable(self) -> bool:
        """Whether what has not been read is known to be little enough to be read away."""
        if self._error is not None or (self.must_continue and not self.finished):
            return False  # broken, or held back by a client that was never told to send it
        return self.finished or (self._decoder.missing is not None and self._decoder.missing <= SKIP)

    def stream(self) -> Any:
        """Return the file-like object for ``wsgi.input``."""
        if self.finished:
            return io.BytesIO(self._ready)
        return io.BufferedReader(self, CHUNK)

    def spool(self) -> tuple[Any, int]:
        """Receive all of the body; return it as a seekable file and its length. ``discard`` ends the file.

        Beyond CHUNK bytes it stands in the run folder, in a file without a name: nothing can be left behind. Raises
        BodyError, also when there is no room for it.
        """
        file: Any = io.BytesIO()
        length = 0
        try:
            while piece := self._next():
                length += len(piece)
                if length > CHUNK and isinstance(file, io.BytesIO):
                    file = self._on_disk(file.getvalue())
                _write(file, piece)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        self._spooled = file = file if isinstance(file, io.BytesIO) else io.BufferedReader(file, CHUNK)
        return file, length

    def discard(self) -> None:
        """Give back what a spooled body takes, whoever still holds ``wsgi.input``."""
        if self._spooled is not None:
            self._spooled.close()

    def _on_disk(self, begun: bytes) -> Any:
        try:
            file: Any = tempfile.TemporaryFile(buffering=0, dir=self._settings.run_dir)  # noqa: SIM115 - wsgi.input
        except OSError as error:
            raise _no_room(error) from error
        try:
            _write(file, begun)
        except BaseException:
            file.close()
            raise
        return file

    def readable(self) -> bool:
        """Return True."""
        return True

    def seek(self, _offset: int, _whence: int = 0, /) -> int:
        """Refuse (io.UnsupportedOperation)."""
        raise io.UnsupportedOperation(
            "the body streams from the client: it can be read once, and is not seekable"
        )

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what is there, waiting for at least one byte; 0: the body has ended.

        Raises BodyError when the client sends no more, too slowly, too much, or breaks the coding.
        """
        piece = self._next(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def _next(self, size: int = CHUNK) -> bytes:
        """Return at most ``size`` bytes of the body, at least one; empty: it has ended."""
        while not self._ready and not self.finished:
            self._receive()
        piece = self._ready[:size]
        self._ready = self._ready[size:]
        return piece

    def skip(self) -> bool:
        """Read away what the application left; return whether the body ended within SKIP bytes."""
        skipped = 0
        while not self.finished:
            self._ready = b""
            try:
                self._receive()
            except BodyError:
                return False
            skipped += len(self._ready)
            if skipped > SKIP:
                return False
        return self._error is None

    def _receive(self) -> None:
        if self._error is not None:
            raise self._error
        if self._pace is None:
            self._pace = Pace(self._settings.body_timeout, self._settings.min_rate)
        try:
            if self.must_continue:
                self.must_continue = False
                self._transport.send(CONTINUE, self._pace)
            data = self._transport.recv_paced(self._pace)
            if data:
                self._take(data)
            else:
                self._error = BodyError(400, "the client closed within the body")
        except RequestError as error:
            self._error = BodyError(error.status, error.reason)
        except ExpiredError:
            self._error = BodyError(408, "the body came too slowly (MOORING_BODY_TIMEOUT, MOORING_MIN_RATE)")
        except GoneError as error:
            self._error = BodyError(400, str(error))
        if self._error is not None:
            raise self._error

    def _take(self, data: bytes) -> None:
        if data:
            self.must_continue = False  # RFC 9110 10.1.1: no 100 once part of the body has come
        self._ready += self._decoder.decode(data)
        self.rest = self._decoder.rest
