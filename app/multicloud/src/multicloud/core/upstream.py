"""What goes wrong with A&AI and MSB, in our words."""

from __future__ import annotations

import socket
import ssl


class UpstreamError(Exception):
    """A&AI or MSB refused, reset, cut short or broke HTTP; the text says which, in half a sentence.

    Clients get to see the text; ``logged`` is for the log, where it may say more.
    """

    def __init__(self, text: str, *, logged: str = "") -> None:
        super().__init__(text)
        self.logged = logged or text


class UpstreamTimeoutError(UpstreamError):
    """A&AI or MSB kept us waiting for longer than a time limit."""


class UnansweredError(UpstreamError):
    """The connection was closed before any byte of the answer came."""


class TooLongError(UpstreamError):
    """A&AI or MSB sent more than we are ready to read."""


CUT_SHORT = "the connection was closed before the answer's end"


ENDED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What a socket raises when the other side has closed the connection."""


def told(error: OSError | UnicodeError) -> UpstreamError:
    """Return our error for one of the socket's. Our texts name no address: clients get to see them."""
    if isinstance(error, TimeoutError):
        return UpstreamTimeoutError("no progress in time")
    if isinstance(error, ConnectionRefusedError):
        return UpstreamError("the connection was refused")
    if isinstance(error, ENDED):
        return UpstreamError(CUT_SHORT)
    if isinstance(
        error, (socket.gaierror, UnicodeError)
    ):  # a name that IDNA cannot encode is not known either
        return UpstreamError("its name is not known")
    return UpstreamError((error.strerror or str(error)).lower())
