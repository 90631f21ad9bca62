"""The status sockets: where they are, and how one asks.

A worker or bootstrap listens on a unix socket of its own. The client sends one word and a newline, the answer
is one line of JSON (an object), and the connection is closed. Standard library alone: every part of the
runtime may ask.
"""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

END_OF_STACKS = "(end of the stacks)"
"""The last line of what a worker logs on SIGUSR1, for who asks it that way; it does not come while Python is blocked."""

READY, STATS, DRAIN = "ready", "stats", "drain"
"""The words. ``ready``: state and identity; ``stats``: the same and counters; ``drain``: starts the drain."""

MAX_PATH = 107
"""Longest path of a unix socket on Linux, in bytes (unix(7): sun_path holds 108 with the closing zero)."""

MAX_ANSWER = 1 << 20
"""Longest answer that is read, in bytes."""


class NoAnswerError(Exception):
    """Nobody answered, or not in time, or not in the protocol. The text says which, and where."""


def worker_socket(run_dir: Path | str, instance: str, colour: str, number: int) -> Path:
    """Return the path of a worker's status socket."""
    return Path(run_dir) / f"{instance}-{colour}-{number}.sock"


def bootstrap_socket(run_dir: Path | str, instance: str) -> Path:
    """Return the path of the status socket of an instance's bootstrap."""
    return Path(run_dir) / f"{instance}-bootstrap.sock"


def path_problem(path: Path) -> str | None:
    """Return what is wrong with the length of a socket's path, or None."""
    length = len(str(path).encode())
    if length <= MAX_PATH:
        return None
    return f"{path} has {length} bytes, a unix socket's path at most {MAX_PATH}"


def ask(path: Path | str, word: str, timeout: float) -> dict[str, Any]:
    """Send the word to the status socket and return the answer.

    ``timeout`` is in seconds and bounds the whole exchange. Raises NoAnswerError.
    """
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.settimeout(timeout)
            client.connect(str(path))
            client.sendall(word.encode() + b"\n")
            line = _read_line(client, deadline)
        except TimeoutError as error:
            raise NoAnswerError(f"{path}: no answer to {word!r} within {timeout:g} s") from error
        except OSError as error:
            raise NoAnswerError(f"{path}: {error.strerror or error}") from error
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise NoAnswerError(f"{path}: not a line of JSON: {line[:80]!r}") from error
    if not isinstance(answer, dict):
        raise NoAnswerError(f"{path}: not a JSON object: {line[:80]!r}")
    return answer


def _read_line(client: socket.socket, deadline: float) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < MAX_ANSWER:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        client.settimeout(left)
        received = client.recv(65536)
        if not received:
            break
        line += received
    return line
