"""The bootstrap's status socket: it answers for itself, and asks the workers when it is asked for them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from mooring import status_socket
from mooring.bootstrap.say import say
from mooring.settings import Settings

ANSWER_TIME = 5.0  # seconds that one client may take in all
WORKER_TIME = 2.0  # seconds that a worker has to answer
LOOK = 1.0  # seconds between two looks whether the socket's file is still there

Answers = dict[str, Callable[[], Awaitable[dict[str, Any]]]]


class BootstrapStatusServer:
    """The status socket at `path` (mode 0600); `answers` holds what each word is answered with."""

    def __init__(self, path: Path, answers: Answers) -> None:
        self._path, self._answers = path, answers
        self._server: asyncio.AbstractServer | None = None
        self._inode = -1

    async def listen(self) -> None:
        """Listen and answer; what a dead bootstrap left is replaced. OSError."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._inode = status_socket.bind(listener, self._path)
            self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=1024)
        except BaseException:
            listener.close()
            raise

    async def keep_listening(self) -> None:
        """Listen again whenever somebody has removed the file; until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            if status_socket.is_gone(self._path):
                self._stop()
                try:
                    await self.listen()
                except OSError as error:
                    say(f"cannot listen on {self._path}: {error.strerror}")

    def close(self) -> None:
        """Stop listening, and remove the socket's file unless our successor has put its own there."""
        self._stop()
        status_socket.remove_own(self._path, self._inode)

    def _stop(self) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.wait_for(_answer(reader, writer, self._answers), ANSWER_TIME)
        except (OSError, asyncio.TimeoutError, ValueError):
            pass  # a client that went away, dawdles or sends no line: its loss
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: Answers) -> None:
    word = status_socket.word_of(await reader.readline())
    answer = answers.get(word)
    found = await answer() if answer else status_socket.unknown(word, answers)
    writer.write(status_socket.line_of(found))
    await writer.drain()


async def ask_workers(settings: Settings) -> list[dict[str, Any]]:
    """Ask all workers for their stats, side by side. One that does not answer has its name and an error."""
    found = await asyncio.gather(*(_stats(path) for path in settings.worker_sockets()))
    return [stats for stats in found if stats is not None]


async def _stats(path: Path) -> dict[str, Any] | None:
    try:
        return await asyncio.wait_for(_ask(path), WORKER_TIME)
    except (ConnectionRefusedError, FileNotFoundError):  # what a dead worker has left
        return None
    except asyncio.TimeoutError:
        return {"ready": False, "socket": path.name, "error": f"no answer within {WORKER_TIME:g} s"}
    except (OSError, ValueError) as error:
        return {"ready": False, "socket": path.name, "error": str(error)}


async def _ask(path: Path) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(path), limit=status_socket.MAX_ANSWER)
    try:
        writer.write(status_socket.STATS.encode() + b"\n")
        return status_socket.parse(await reader.readline())
    finally:
        writer.close()
