"""What supervisord's program file can hold, and how a value is written so that it arrives unchanged.

Supervisor 4 reads a file in three steps. `configparser` cuts a line at a ; or # that follows a blank, ends it at a
carriage return, and knows no escape for either. Each value is expanded (`%(name)s`). Then `environment=` is split by
`shlex` without escapes (a value has one kind of quotes around it, and loses all quotes at its ends), and `command=`
by `shlex.split`. A value that does not survive this goes to the processes in the file of the secrets.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

VALUE_MAX = 131_071
"""Bytes of `NAME=value` that execve(2) passes on: MAX_ARG_STRLEN less the NUL at the end."""

# At an end, a quote is stripped; between others, one kind of quotes can stand.
_CUT = re.compile(r"""^["']|["']$|\s[;#]|[\x00-\x08\x0a-\x1f\x7f]|".*'|'.*\"""", re.DOTALL)


def as_text(value: object) -> str:
    """Write a value of a variable as the processes get it: a truth value is on or off, as the settings tables read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def fits(value: object) -> bool:
    """Tell whether `environment=` can hold the value."""
    return _CUT.search(as_text(value)) is None


def unholdable(name: str, text: str) -> str | None:
    """Say why no process can have this value in its environment; None when it can."""
    if "\0" in text:
        return "has a NUL character, which ends a variable's value. Leave it out."
    try:
        size = len(f"{name}={text}".encode())
    except UnicodeEncodeError:
        return "has half of a character (a lone surrogate). Write it as UTF-8 text."
    if size > VALUE_MAX:
        return f"has {size} bytes, and Linux passes on {VALUE_MAX} at most. Write it into a file, and its path here."
    return None


def words_of(command: str) -> list[str]:
    """Split a command line into words as a shell would. ValueError says what is wrong with it."""
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", command):
        raise ValueError("a control character")
    command.encode()  # UnicodeEncodeError is a ValueError
    try:
        return shlex.split(command)
    except ValueError:
        raise ValueError("a quote without its other half") from None


def command(line: str) -> str:
    """Write a command line for `command=`: each word as it is, whatever characters it has.

    A quoted word is closed and opened again between a blank and a ; or #, where the file's parser would cut the line.
    """
    quoted = " ".join(shlex.quote(word) for word in words_of(line))
    return re.sub(r"(\s)([;#])", r"\1''\2", quoted).replace("%", "%%")


def switches(variables: dict[str, Any]) -> dict[str, Any]:
    """Write truth values as on or off."""
    return {name: as_text(value) if isinstance(value, bool) else value for name, value in variables.items()}


def inside(variables: dict[str, Any]) -> dict[str, Any]:
    """Choose the variables whose values a program file can hold."""
    return {name: value for name, value in switches(variables).items() if fits(value)}


def beside(variables: dict[str, Any]) -> dict[str, str]:
    """Choose those whose values it cannot hold: they go where the secrets go."""
    return {name: as_text(value) for name, value in variables.items() if not fits(value)}
