"""One call from a program: a line of JSON comes in, lines of JSON go out.

    {"call": "switch", "arguments": {"root": "/var/lib/mooring", …}, "check": false}

on standard input; behind that line may follow data (a bundle). On standard output `{"progress": "…"}` as often as there is
something to tell, then one of `{"result": {…}}` and `{"refused": {"message": "…", "status": 1}}`. A call goes to its end also
when nobody reads that any more. The exit status is that of `mooring.host.errors`. Python 3.8's standard library alone.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from mooring import texts
from mooring.host import errors

MOST = 64 << 20
"""Bytes of the longest request."""
HANDED_IN = ("check", "progress", "data")


def _is_list_of(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(each, kind) for each in value)


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (lambda value: isinstance(value, str), "a text"),
    "Path": (lambda value: isinstance(value, str) and value.startswith("/"), "an absolute path"),
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "int": (lambda value: type(value) is int, "a whole number"),
    "float": (lambda value: type(value) in (int, float), "a number"),
    "list[str]": (_is_list_of(str), "a list of texts"),
    "list[dict[str, Any]]": (_is_list_of(dict), "a list of objects"),
    "dict[str, Any]": (lambda value: isinstance(value, dict), "an object"),
}
"""What an annotation means for a value of JSON, and what it is called."""


def arguments_of(name: str, function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a call is given against its function's parameters, and return it as they have it. CallError."""
    parameters = {
        each.name: each
        for each in inspect.signature(function).parameters.values()
        if each.name not in HANDED_IN
    }
    unknown = sorted(set(given) - set(parameters))
    if unknown:
        raise errors.CallError(f"{name} takes no {', '.join(unknown)}; it takes {', '.join(parameters)}")
    taken: dict[str, Any] = {}
    for each in parameters.values():
        if each.name not in given:
            if each.default is each.empty:
                raise errors.CallError(f"{name} lacks {each.name}")
            continue
        kind = str(each.annotation).replace(" | None", "")
        is_right, words = KINDS[kind]
        if not is_right(given[each.name]):
            raise errors.CallError(
                f"{name} has as {each.name} {given[each.name]!r:.80}, which is not {words}"
            )
        taken[each.name] = Path(given[each.name]) if kind == "Path" else given[each.name]
    return taken


def run(  # noqa: PLR0913 - what, with what, how, and whom to tell
    name: str,
    function: Callable[..., dict[str, Any]],
    given: Mapping[str, Any],
    *,
    looks: bool = False,
    check: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    data: IO[bytes] | None = None,
) -> dict[str, Any]:
    """Run a call and return its result. With `check` one that changes something only tells what it would do, or is skipped.

    HostError.
    """
    taken = arguments_of(name, function, given)
    parameters = inspect.signature(function).parameters
    if check and not looks and "check" not in parameters:
        return {"changed": False, "skipped": True}
    handed = {"check": check, "progress": progress, "data": data}
    taken.update({each: handed[each] for each in HANDED_IN if each in parameters})
    try:
        return function(**taken)
    except OSError as error:
        said = error.strerror or str(error)
        raise errors.HostError(f"{error.filename}: {said}" if error.filename else said) from error


def serve(
    find: Callable[[str], tuple[Callable[..., dict[str, Any]], bool]], data: IO[bytes], output: IO[str]
) -> int:
    """Serve the one call that `data` has; `find` returns its function, and whether it only looks, or raises CallError."""

    def say(what: dict[str, Any]) -> None:
        try:
            output.write(json.dumps(what) + "\n")
            output.flush()
        except BrokenPipeError:  # the controller has gone: what was begun goes to its end all the same
            texts.discard(output)

    try:
        request = _request(data)
        function, looks = find(request["call"])
        done = run(
            request["call"],
            function,
            request["arguments"],
            looks=looks,
            check=request["check"],
            progress=lambda line: say({"progress": texts.plain_lines(line)}),
            data=data,
        )
    except errors.LockedError as error:
        say(
            {"refused": {"message": texts.plain_lines(error), "status": error.status, "holder": error.holder}}
        )
        return error.status
    except errors.HostError as error:
        say({"refused": {"message": texts.plain_lines(error), "status": error.status}})
        return error.status
    except KeyboardInterrupt:
        stopped = errors.StoppedError()
        say({"refused": {"message": str(stopped), "status": stopped.status}})
        return stopped.status
    say({"result": done})
    return errors.DONE


def _request(data: IO[bytes]) -> dict[str, Any]:
    try:
        found = json.loads(data.readline(MOST))
    except (ValueError, RecursionError):
        found = None
    kinds = {"call": str, "arguments": dict, "check": bool}
    if not isinstance(found, dict) or any(type(found.get(name)) is not kind for name, kind in kinds.items()):
        raise errors.CallError('what came is no call: {"call": NAME, "arguments": {…}, "check": false}')
    return found


def serve_one(name: str, function: Callable[..., dict[str, Any]], *, looks: bool) -> int:
    """Serve a call of this name alone: what the controller sends to a host that has nothing installed."""

    def find(asked: str) -> tuple[Callable[..., dict[str, Any]], bool]:
        if asked != name:
            raise errors.CallError(f"{asked} is not {name}")
        return function, looks

    return serve(find, sys.stdin.buffer, sys.stdout)
