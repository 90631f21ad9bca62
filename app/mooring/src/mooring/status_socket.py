"""The status sockets: where they are, how one asks, and what both of their servers share.

A worker or bootstrap listens on a unix socket of its own. The client sends one word and a newline, the answer
is one line of JSON (an object), and the connection is closed. Standard library alone: every part of the
runtime may ask. Who asks may be root, and who answers an application: see `mooring.untrusted`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mooring import texts, untrusted
from mooring.casts import COLOURS

END_OF_STACKS = "(end of the stacks)"
"""The last line of what a worker logs on SIGUSR1, for who asks it that way; it does not come while Python is blocked."""

READY, STATS, DRAIN = "ready", "stats", "drain"
"""The words. ``ready``: state and identity; ``stats``: the same and counters; ``drain``: starts the drain."""

MAX_ANSWER = 1 << 20
"""Longest answer that is read, in bytes."""

MAX_TEXT = 1000
"""Longest text of `FIELDS`."""

MAX_NUMBER = 1 << 22
"""Largest number of `FIELDS`: PID_MAX_LIMIT of proc(5)."""

FIELDS: dict[str, type] = {
    "ready": bool,
    "state": str,
    "pid": int,
    "instance": str,
    "colour": str,
    "number": int,
    "release": str,
    "framework": str,
    "error": str,
}
"""What answers hold that is worked with or shown, if they hold it; the rest is passed on as JSON."""


MAX_WORD = 64
"""Longest word that a server reads, in bytes."""

Answers = Mapping[str, Callable[[], dict[str, Any]]]
"""What a server answers each word with."""


class NoAnswerError(Exception):
    """Nobody answered, or not in time, or not in the protocol. The text says which, and where."""


def is_gone(path: Path) -> bool:
    """Tell whether somebody has removed a socket's file from a folder that we can look into.

    A folder that has been given to another user shows nothing: a deploy gives it back, with the file.
    """
    with contextlib.suppress(OSError):
        try:
            path.lstat()
        except FileNotFoundError:
            return path.parent.is_dir()
    return False


def remove_own(path: Path, inode: int) -> None:
    """Remove the file of a socket of ours that closes, unless a successor has put its own there, or we may not."""
    with contextlib.suppress(OSError):
        if path.lstat().st_ino == inode:
            path.unlink()


def bind(listener: Any, path: Path) -> int:
    """Bind a unix socket to the path, mode 0600, and return its file's inode; what a dead owner left is replaced. OSError."""
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return path.stat().st_ino


def word_of(line: bytes) -> str:
    """Return the word that a client has sent, for an answer or an error."""
    return line.decode("ascii", "backslashreplace").strip()


def unknown(word: str, known: Iterable[str]) -> dict[str, Any]:
    """Return the answer to a word that is none."""
    return {"error": f"unknown word {word!r}; known: {', '.join(sorted(known))}"}


def line_of(answer: dict[str, Any]) -> bytes:
    """Return the line that is sent for an answer."""
    return json.dumps(answer).encode() + b"\n"


def worker_socket(run_dir: Path | str, instance: str, colour: str, number: int) -> Path:
    """Return the path of a worker's status socket."""
    return Path(run_dir) / f"{instance}-{colour}-{number}.sock"


def of_process(run_dir: Path | str, full_name: str) -> Path:
    """Return the path of a process's status socket, by supervisord's name of it: group:name, or the group's alone."""
    return Path(run_dir) / f"{full_name.replace(':', '-')}.sock"


def worker_sockets(run_dir: Path | str, instance: str) -> list[Path]:
    """List the status sockets of an instance's workers. Those of dead workers may be among them."""
    name = re.compile(rf"{re.escape(instance)}-({'|'.join(COLOURS)})-(\d+)\.sock")
    try:
        return sorted(path for path in Path(run_dir).iterdir() if name.fullmatch(path.name))
    except OSError:  # the folder has been removed: no workers then
        return []


def bootstrap_socket(run_dir: Path | str, instance: str) -> Path:
    """Return the path of the status socket of an instance's bootstrap."""
    return Path(run_dir) / f"{instance}-bootstrap.sock"


def path_problem(path: Path) -> str | None:
    """Return what is wrong with the length of a socket's path, or None."""
    length = len(str(path).encode())
    if length <= untrusted.MAX_SOCKET_PATH:
        return None
    return f"{path} has {length} bytes, a unix socket's path at most {untrusted.MAX_SOCKET_PATH}"


def ask(path: Path | str, word: str, timeout: float) -> dict[str, Any]:
    """Send the word to the status socket and return the answer.

    ``timeout`` is in seconds and bounds the whole exchange. The texts of the answer are plain. Raises NoAnswerError.
    """
    deadline = time.monotonic() + timeout
    try:
        with untrusted.connect(Path(path), timeout) as client:
            client.sendall(word.encode() + b"\n")
            line = untrusted.BoundedReader(client, deadline, MAX_ANSWER).line()
    except TimeoutError as error:
        raise NoAnswerError(f"{path}: no answer to {word!r} within {timeout:g} s") from error
    except OSError as error:
        raise NoAnswerError(f"{path}: {error.strerror or error}") from error
    try:
        return parse(line)
    except ValueError as error:
        raise NoAnswerError(f"{path}: {error}") from error


def parse(line: bytes) -> dict[str, Any]:
    """Return the answer that a line holds, its texts plain and `FIELDS` of their kinds. ValueError."""
    try:
        found: dict[str, Any] = texts.plain_value(texts.json_object(line))
    except ValueError as error:
        raise ValueError(
            f"not a line of JSON, an object: {line[:80]!r} ({texts.plain(error):.80})"
        ) from error
    for name, kind in FIELDS.items():
        value = found.get(name)
        if name in found and (
            type(value) is not kind
            or (isinstance(value, str) and len(value) > MAX_TEXT)
            or (isinstance(value, int) and not 0 <= value <= MAX_NUMBER)
        ):
            raise ValueError(f"its {name} is {value!r:.80}")
    return found
