"""The control socket: who works on the server tells the running generator when operations start and end.

A unix socket, mode 0600. The client sends one line, the answer is one line of JSON with `ok`, and the
connection is closed. Words: `mark NAME start`, `mark NAME end`, `status`, and `stop`, which answers when the
run is over and all files are written.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from mooring import texts
from mooring.untrusted import MAX_SOCKET_PATH
from mooring_load.usage import UsageError

_POLL: Final = 0.05
_LAST_ANSWERS: Final = 2.0

Handler = Callable[[str], Awaitable[dict[str, Any]]]


class ControlError(Exception):
    """The generator could not be reached, or refused; the message says which and what to do."""


def check_path(path: Path) -> None:
    """Raise UsageError if the path is too long for a unix socket."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise UsageError(
            f"--control {path}: a unix socket's path has at most {MAX_SOCKET_PATH} bytes; name a shorter one"
        )


def check_free(path: Path) -> None:
    """Raise UsageError if another run listens there."""
    with socket.socket(socket.AF_UNIX) as client:
        if client.connect_ex(str(path)) == 0:
            raise UsageError(f"--control {path}: another run listens there; stop it, or name another folder")


class ControlServer:
    """The generator's side of the control socket. `handler` answers a line."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._answers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a socket file that an ended run left behind is replaced."""
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._accept, str(self._path))
        finally:
            os.umask(mask)

    async def close(self) -> None:
        """Let answers that are under way go out, then take the socket away."""
        if self._server is not None:
            self._server.close()
        if self._answers:
            await asyncio.wait(self._answers, timeout=_LAST_ANSWERS)
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._answer(reader, writer))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = (await reader.readline()).decode("utf-8", "replace").strip()
            answer = await self._handler(line)
            writer.write((json.dumps(answer) + "\n").encode())
            await writer.drain()
        except (ConnectionError, ValueError) as error:
            texts.write_line(sys.stderr, f"mooring_load: a client of {self._path} was not answered: {error}")
        finally:
            writer.close()


def ask(path: Path, line: str, wait: float, answer_within: float) -> dict[str, Any]:
    """Send one line to the generator and return its answer; ControlError if it says no.

    `wait`: seconds to wait for the generator to come up. `answer_within`: seconds to wait for its answer.
    """
    check_path(path)
    deadline = time.monotonic() + wait
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(answer_within)
            try:
                client.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError) as error:
                if time.monotonic() >= deadline:
                    raise ControlError(
                        f"no load generator listens on {path} ({error.strerror}): is it running?"
                    ) from None
                time.sleep(_POLL)
                continue
            return _answer(client, path, line)


def _answer(client: socket.socket, path: Path, line: str) -> dict[str, Any]:
    try:
        client.sendall(f"{line}\n".encode())
        with client.makefile("rb") as stream:
            text = stream.readline()
    except OSError as error:
        raise ControlError(f"the load generator at {path} did not answer to {line!r}: {error}") from None
    if not text:
        raise ControlError(f"the load generator at {path} ended before it answered to {line!r}")
    answer: dict[str, Any] = json.loads(text)
    if not answer["ok"]:
        raise ControlError(answer["error"])
    return answer
