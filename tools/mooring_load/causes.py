"""What an error of the socket says of the server, or of this machine."""

from __future__ import annotations

import errno
import os
import ssl
from typing import Final

_OWN_LIMITS: Final = frozenset((errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_REFUSALS: Final = frozenset((errno.ECONNREFUSED, errno.ENOENT))
_RESETS: Final = frozenset((errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED))


def check(code: int) -> None:
    """Raise OSError unless the code is 0."""
    if code:
        raise OSError(code, os.strerror(code))


def class_of_connect(error: OSError) -> str:
    """Return the class of failure (a key of `FAILURES`) of a connection that could not be made."""
    if isinstance(error, ssl.SSLError):
        return "reset" if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) else "unreachable"
    if error.errno in _REFUSALS:
        return "refused"
    if error.errno in _OWN_LIMITS:
        return "local"
    if error.errno == errno.ETIMEDOUT:
        return "timeout"
    return "reset" if error.errno in _RESETS else "unreachable"


def cause(error: OSError | None) -> str:
    """Return the error in words; None is a connection that was reset."""
    if error is None:
        return "connection reset"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return f"{errno.errorcode.get(error.errno or 0, '?')}: {error.strerror}"
