"""The kinds of request that a run mixes, and what a right response to each of them is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from mooring_load.outcome import RequestFailedError
from mooring_load.usage import UsageError

_EXCERPT = 120


class Expectation(Protocol):
    """What the body of a right response is."""

    def complaint(self, body: bytes, identifier: str, /) -> str | None:
        """Return what is wrong with the body, None if nothing is."""


class AnyBody:
    """Any body is right."""

    def complaint(self, _body: bytes, _identifier: str) -> str | None:
        """Return None: nothing is wrong."""
        return None


class SameBody:
    """Every body must be the same, to the byte, as the first one of the run."""

    def __init__(self) -> None:
        self._first: bytes | None = None

    def complaint(self, body: bytes, _identifier: str) -> str | None:
        """Return how the body differs from the first one."""
        if self._first is None:
            self._first = body
        return None if body == self._first else _difference(self._first, body)


@dataclass
class ExactBody:
    """The body must be these bytes."""

    wanted: bytes

    def complaint(self, body: bytes, _identifier: str) -> str | None:
        """Return how the body differs."""
        return None if body == self.wanted else _difference(self.wanted, body)


@dataclass
class DigestBody:
    """The body's SHA-256 must be this one."""

    wanted: str

    def complaint(self, body: bytes, _identifier: str) -> str | None:
        """Return the digest that the body has instead."""
        found = hashlib.sha256(body).hexdigest()
        return None if found == self.wanted else f"SHA-256 {found} of {len(body)} bytes: {_excerpt(body)}"


@dataclass
class TemplateBody:
    """The body must be this text with the request's id in it."""

    template: str

    def complaint(self, body: bytes, identifier: str) -> str | None:
        """Return how the body differs."""
        wanted = (self.template % {"id": identifier}).encode()
        return None if body == wanted else _difference(wanted, body)


@dataclass
class Kind:
    """One kind of request; `body` is a template: `%(id)s` becomes the request's id, `%%` a percent sign."""

    method: str
    path: str
    body: str | None = None
    content_type: str = "application/json"
    status: int = 200
    expectation: Expectation = field(default_factory=AnyBody)
    headers: tuple[str, ...] = ()
    weight: int = 1
    _prefix: str = ""

    @property
    def label(self) -> str:
        """Return the name that reports use."""
        return f"{self.method} {self.path}"

    @property
    def idempotent(self) -> bool:
        """Say whether a client may send it twice by itself (RFC 9110 9.2.2)."""
        return self.method == "GET"

    def prepare(self, host: str, base: str) -> None:
        """Build what is the same in every request of this kind."""
        lines = [
            f"{self.method} {base}{self.path} HTTP/1.1",
            f"Host: {host}",
            "User-Agent: mooring-load",
            "Accept: */*",
        ]
        lines += self.headers
        if self.body is not None:
            lines.append(f"Content-Type: {self.content_type}")
        self._prefix = "\r\n".join(lines)

    def render(self, identifier: str, id_header: str, close: bool) -> bytes:
        """Return the request's bytes; with `close` it says that no other follows on the connection."""
        closing = "\r\nConnection: close" if close else ""
        head = f"{self._prefix}\r\n{id_header}: {identifier}{closing}\r\n"
        if self.body is None:
            return f"{head}\r\n".encode()
        body = (self.body % {"id": identifier}).encode()
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def check(self, status: int, body: bytes, identifier: str) -> None:
        """Raise RequestFailedError if the response is not the expected one."""
        if status != self.status:
            raise RequestFailedError("status", "body", f"{status} instead of {self.status}: {_excerpt(body)}")
        complaint = self.expectation.complaint(body, identifier)
        if complaint:
            raise RequestFailedError("body", "body", complaint)


def in_turn(kinds: list[Kind], offset: int) -> Iterator[Kind]:
    """Yield the kinds for ever, each as often as its weight says, evenly spread, beginning at `offset`.

    Every connection takes turns of its own, so that each kind of connection carries each kind of request.
    """
    placed = [
        ((turn + 0.5) / kind.weight, index) for index, kind in enumerate(kinds) for turn in range(kind.weight)
    ]
    order = [kinds[index] for _, index in sorted(placed)]
    position = offset
    while True:
        yield order[position % len(order)]
        position += 1


def check_template(option: str, template: str) -> None:
    """Raise UsageError if the text holds another `%` than those of `%(id)s` and `%%`."""
    if "%" in template.replace("%%", "").replace("%(id)s", ""):
        raise UsageError(
            f"{option} {template!r}: write %(id)s for the request's id and %% for a percent sign"
        )


def check_header(option: str, line: str) -> None:
    """Raise UsageError if the text is not one header field (RFC 9112 5)."""
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[\x20-\x7e\t]*", line):
        raise UsageError(f"{option} {line!r}: want one header field, 'Name: value'")


def check_path(option: str, path: str) -> None:
    """Raise UsageError if the text cannot stand in a request line (RFC 9112 3.2)."""
    if not re.fullmatch(r"/[\x21-\x7e]*", path):
        raise UsageError(
            f"{option} {path!r}: want a path that starts with / and has no spaces (percent-encode them)"
        )


def _difference(wanted: bytes, found: bytes) -> str:
    pairs = zip(wanted, found, strict=False)
    place = next(
        (index for index, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(wanted), len(found))
    )
    rest = _excerpt(found[place:])
    return f"{len(found)} bytes instead of {len(wanted)}, different from byte {place} on: {rest}"


def _excerpt(body: bytes) -> str:
    return repr(body[:_EXCERPT]) + ("…" if len(body) > _EXCERPT else "")
