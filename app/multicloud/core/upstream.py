"""What goes wrong with A&AI and MSB, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3.exceptions
from urllib3.exceptions import HTTPError


class UpstreamError(Exception):
    """A&AI or MSB refused, reset, cut short or broke HTTP; the text says which, in half a sentence."""


class UpstreamTimeoutError(UpstreamError):
    """A&AI or MSB kept us waiting for longer than a time limit."""


class TooLongError(UpstreamError):
    """A&AI or MSB sent more than we are ready to read."""


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn urllib3's errors into ours. Our texts name no address: clients get to see them."""
    try:
        yield
    except HTTPError as error:
        cause = _bottom(error)
        if isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError)):
            raise UpstreamTimeoutError("no progress in time") from error
        raise UpstreamError(_told(cause)) from error


def _bottom(error: BaseException) -> BaseException:
    """Return what lies at the bottom of urllib3's wrapping."""
    inner = error.__cause__ or (error.args[-1] if error.args else None)
    return _bottom(inner) if isinstance(inner, BaseException) else error


def _told(cause: BaseException) -> str:
    if isinstance(cause, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(cause, ConnectionError):  # http.client's RemoteDisconnected is one, too
        return "the connection was closed before the answer's end"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return {
        "IncompleteRead": "the connection was closed before the answer's end",
        "BadStatusLine": "the answer is not HTTP",
        "NameResolutionError": "its name is not known",
    }.get(type(cause).__name__, f"the answer breaks HTTP ({type(cause).__name__})")
