"""The bootstrap's private socket: it answers for itself, and asks the workers when it is asked for them."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from mooring import private
from mooring.settings import Settings

ANSWER_TIME = 5.0  # seconds that one client may take in all
WORKER_TIME = 2.0  # seconds that a worker has to answer

Answers = dict[str, Callable[[], Awaitable[dict[str, Any]]]]


class PrivateServer:
    """A listening private socket; `close` removes it."""

    def __init__(self, path: Path, server: asyncio.AbstractServer) -> None:
        self._path, self._server = path, server
        self._inode = path.stat().st_ino

    def close(self) -> None:
        """Stop listening, and remove the socket's file unless our successor has put its own there."""
        self._server.close()
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            pass


async def start(path: Path, answers: Answers) -> PrivateServer:
    """Listen on the unix socket (mode 0600; what a dead bootstrap left is replaced) and answer. OSError."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.wait_for(_answer(reader, writer, answers), ANSWER_TIME)
        except (OSError, asyncio.TimeoutError, ValueError):
            pass  # a client that went away, dawdles or sends no line: its loss
        finally:
            writer.close()

    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(serve, str(path), limit=1024)
    finally:
        os.umask(before)
    return PrivateServer(path, server)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: Answers) -> None:
    word = (await reader.readline()).decode("ascii", "backslashreplace").strip()
    answer = answers.get(word)
    known = ", ".join(sorted(answers))
    reply = await answer() if answer else {"error": f"unknown word {word!r}; known: {known}"}
    writer.write(json.dumps(reply).encode() + b"\n")
    await writer.drain()


def worker_sockets(settings: Settings) -> list[Path]:
    """List the private sockets of the instance's workers. Those of dead workers may be among them."""
    name = re.compile(re.escape(settings.instance) + r"-(blue|green)-(\d+)\.sock")
    try:
        return sorted(path for path in settings.run_dir.iterdir() if name.fullmatch(path.name))
    except OSError:  # the directory has been removed: no workers then
        return []


async def ask_workers(settings: Settings) -> list[dict[str, Any]]:
    """Ask all workers for their stats, side by side. One that does not answer has its name and an error."""
    found = await asyncio.gather(*(_stats(path) for path in worker_sockets(settings)))
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
    reader, writer = await asyncio.open_unix_connection(str(path), limit=private.MAX_ANSWER)
    try:
        writer.write(private.STATS.encode() + b"\n")
        answer = json.loads(await reader.readline())
    finally:
        writer.close()
    if not isinstance(answer, dict):
        raise ValueError(f"not a JSON object: {answer!r:.80}")  # noqa: TRY004 - wrong words, not a wrong type
    return answer
