"""The part of `run`'s command line that describes the requests: what to send, and what a right response is.

Options that describe a request (`--expect-…`, `--post-…`, `--header`, `--weight`) belong to the `--get` or
`--post` before them, so that a command line reads from left to right.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from mooring_load.app import SMOKE_BODY
from mooring_load.kinds import (
    DigestBody,
    ExactBody,
    Kind,
    SameBody,
    TemplateBody,
    check_header,
    check_path,
    check_template,
)
from mooring_load.usage import UsageError

POST_BODY: Final = '{"id": "%(id)s"}'


def add_kinds(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe the requests."""
    kinds = parser.add_argument_group("requests, in turn; the options of a request follow it")
    for option, metavar, meaning in (
        ("--get", "PATH", "send GETs"),
        ("--post", "PATH", "send POSTs, each with an id of its own"),
        (
            "--post-body-template",
            "TEXT",
            f"their body; %%(id)s is the id (default {POST_BODY.replace('%', '%%')})",
        ),
        ("--content-type", "TYPE", "of their body (application/json)"),
        ("--header", "LINE", "one more header field"),
        ("--weight", "N", "how often it is sent, compared with the others (1)"),
        ("--expect-status", "N", "the right status (200)"),
        ("--expect-file", "FILE", "the right body is this file's content"),
        ("--expect-sha256", "HEX", "the right body has this SHA-256"),
        ("--expect-body", "TEXT", "the right body; %%(id)s is the id"),
    ):
        kinds.add_argument(
            option, metavar=metavar, action=_KindAction, dest="kinds", default=[], help=meaning
        )
    kinds.add_argument(
        "--expect-same",
        action=_KindAction,
        dest="kinds",
        nargs=0,
        help="the right body is the same as in the first response",
    )
    kinds.add_argument(
        "--counting",
        action=_KindAction,
        dest="kinds",
        nargs=0,
        help="short for the counting application (mooring_load.app): GET / and POST /count",
    )


class _KindAction(argparse.Action):
    """Begins a kind of request, or sets something of the last one."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        kinds = list(getattr(namespace, self.dest))
        try:
            _apply(kinds, option_string or "", values if isinstance(values, str) else "")
        except UsageError as error:
            raise argparse.ArgumentError(None, str(error)) from None
        setattr(namespace, self.dest, kinds)


def _apply(kinds: list[Kind], option: str, value: str) -> None:
    if option in _BEGINNINGS:
        kinds += _BEGINNINGS[option](value)
    elif not kinds:
        raise UsageError(f"{option} describes a request; put it behind --get PATH or --post PATH")
    else:
        _SETTERS[option](kinds[-1], value)


def _get(path: str) -> list[Kind]:
    check_path("--get", path)
    return [Kind("GET", path)]


def _post(path: str) -> list[Kind]:
    check_path("--post", path)
    return [Kind("POST", path, body=POST_BODY)]


def _counting(_: str) -> list[Kind]:
    return [
        Kind("GET", "/", expectation=ExactBody(SMOKE_BODY)),
        Kind("POST", "/count", body=POST_BODY, expectation=TemplateBody("%(id)s")),
    ]


def _set_body(kind: Kind, value: str) -> None:
    check_template("--post-body-template", value)
    if kind.method != "POST":
        raise UsageError("--post-body-template: a GET has no body; put it behind --post PATH")
    kind.body = value


def _set_content_type(kind: Kind, value: str) -> None:
    check_header("--content-type", f"Content-Type: {value}")
    kind.content_type = value


def _add_header(kind: Kind, value: str) -> None:
    check_header("--header", value)
    kind.headers += (value,)


def _set_weight(kind: Kind, value: str) -> None:
    kind.weight = _number("--weight", value, 1, 1000)


def _set_status(kind: Kind, value: str) -> None:
    kind.status = _number("--expect-status", value, 200, 599)


def _set_file(kind: Kind, value: str) -> None:
    try:
        kind.expectation = ExactBody(Path(value).read_bytes())
    except OSError as error:
        raise UsageError(f"--expect-file {value}: {error.strerror}") from None


def _set_sha256(kind: Kind, value: str) -> None:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise UsageError(f"--expect-sha256 {value}: want 64 hexadecimal digits")
    kind.expectation = DigestBody(value.lower())


def _set_template(kind: Kind, value: str) -> None:
    check_template("--expect-body", value)
    kind.expectation = TemplateBody(value)


def _set_same(kind: Kind, _: str) -> None:
    kind.expectation = SameBody()


_BEGINNINGS: Final[dict[str, Callable[[str], list[Kind]]]] = {
    "--get": _get,
    "--post": _post,
    "--counting": _counting,
}
_SETTERS: Final[dict[str, Callable[[Kind, str], None]]] = {
    "--post-body-template": _set_body,
    "--content-type": _set_content_type,
    "--header": _add_header,
    "--weight": _set_weight,
    "--expect-status": _set_status,
    "--expect-file": _set_file,
    "--expect-sha256": _set_sha256,
    "--expect-body": _set_template,
    "--expect-same": _set_same,
}


def _number(option: str, text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise UsageError(f"{option} {text}: want a whole number from {least} to {most}")
    return int(text)
