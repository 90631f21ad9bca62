r"""Texts and JSON of a lower trust: what is shown has no control characters, what is read has bounds.

Whoever shows a text to people writes it by `plain`, `write_line` or `write_lines`. Logs, sockets, files and names may hold escape
sequences, which steer a terminal, and line ends, which forge lines. Who reads JSON that he has not just written himself does it
by `json_object`.

Python 3.8's standard library alone: `tools/on_host` sends this module with the programs that import it.
"""

from __future__ import annotations

import json
import os
import re
from typing import IO, Any, TextIO

DEPTH = 32
"""Lists and objects within each other that an answer may have."""
DIGITS = 300
"""Characters of the longest number that an answer may have: int() of millions of them takes minutes."""
NO_OBJECT = "not a JSON object"
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0, DEL and C1 (escape sequences, line ends), what turns the direction of a line, line separators, half characters."""


def plain(text: object, kept: str = "") -> str:
    r"""Return the text with its control characters as escapes (`\x1b`), but for those that are `kept`."""
    return CONTROLS.sub(lambda found: found[0] if found[0] in kept else _escape(found[0]), str(text))


def plain_lines(text: object) -> str:
    """Return our own text of several lines, for a terminal: line ends and tabs stay."""
    return plain(text, "\n\t")


def write_line(stream: TextIO, text: object) -> None:
    """Write one line to standard output or standard error, whatever the text holds."""
    stream.write(plain(text) + "\n")
    stream.flush()


def write_lines(stream: TextIO, text: object) -> None:
    """Write our own text of several lines; what others have said in it is `plain` already."""
    stream.write(plain_lines(text) + "\n")
    stream.flush()


def discard(stream: IO[str]) -> None:
    """Have all that is written to a stream go nowhere, since nobody reads it any more; what is buffered, too.

    Python flushes at its end, and exits with status 120 when that fails (sys.exit).
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def plain_value(value: Any, depth: int = DEPTH) -> Any:
    """Return an answer whose texts are all `plain`. ValueError: it is nested too deeply, or of no kind that JSON has."""
    if isinstance(value, str):
        return plain(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return _finite(value)
    if depth and isinstance(value, list):
        return [plain_value(each, depth - 1) for each in value]
    if depth and isinstance(value, dict):
        return {plain(key): plain_value(each, depth - 1) for key, each in value.items()}
    raise ValueError("too deeply nested" if depth == 0 else f"a {type(value).__name__}")


def json_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object; its texts are as they were sent. ValueError, whatever is wrong with it."""
    try:
        found = json.loads(data, parse_int=_number, parse_float=_fraction, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("too deeply nested") from None
    if not isinstance(found, dict):
        raise ValueError(NO_OBJECT)  # noqa: TRY004 - wrong words, not a wrong type
    _check_depth(found, DEPTH)
    return found


def _check_depth(value: Any, depth: int) -> None:
    if isinstance(value, (dict, list)):
        if not depth:
            raise ValueError("too deeply nested")
        for each in value.values() if isinstance(value, dict) else value:
            _check_depth(each, depth - 1)


def _number(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError("a number of too many digits")
    return int(digits)


def _fraction(text: str) -> float:
    if len(text) > DIGITS:
        raise ValueError("a number of too many digits")
    return _finite(float(text))


def _finite(number: float) -> float:
    if number - number != 0:  # infinite, or no number: JSON has neither
        raise ValueError(f"{number} is no number")
    return number


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
