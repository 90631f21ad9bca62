"""What goes wrong with a server: HTTPError and its kinds. Their texts are half sentences, and name no address."""

from __future__ import annotations

import socket
import ssl


class HTTPError(Exception):
    """The server refused, reset, cut short or broke HTTP; the text says which, in half a sentence."""


class TimeoutExpiredError(HTTPError):
    """The server kept us waiting for longer than a time limit."""


class NewConnectionError(HTTPError):
    """There is no connection to the server: it was refused, or the server's name is not known."""


class ProtocolError(HTTPError):
    """The response breaks HTTP, or was cut short."""


class RemoteDisconnectedError(ProtocolError):
    """The connection was closed before any byte of the response came."""


class DecodeError(HTTPError):
    """The body is not encoded as its Content-Encoding says."""


class ResponseTooLargeError(HTTPError):
    """The server sent more than we are ready to read."""


CUT_SHORT = "the connection was closed before the answer's end"


CLOSED_BY_PEER = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What a socket raises when the other side has closed the connection."""


def from_socket(error: OSError | UnicodeError) -> HTTPError:
    """Return our error for one of the socket's."""
    if isinstance(error, TimeoutError):
        return TimeoutExpiredError("no progress in time")
    if isinstance(error, ConnectionRefusedError):
        return NewConnectionError("the connection was refused")
    if isinstance(error, CLOSED_BY_PEER):
        return ProtocolError(CUT_SHORT)
    if isinstance(
        error, (socket.gaierror, UnicodeError)
    ):  # a name that IDNA cannot encode is not known either
        return NewConnectionError("its name is not known")
    return HTTPError((error.strerror or str(error)).lower())
