"""TLS to the server: a socket that behaves like a plain one that does not block."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from mooring_load.usage import UsageError

_NOT_NOW = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class TlsSocket(ssl.SSLSocket):
    """Raises BlockingIOError where a plain socket would; OpenSSL's own errors are OSErrors."""

    def recv(self, *arguments: Any) -> bytes:
        """Return what has come, b"" at the end. BlockingIOError if there is nothing now, a session ticket, say."""
        try:
            return super().recv(*arguments)
        except _NOT_NOW as error:
            raise BlockingIOError from error

    def send(self, *arguments: Any) -> int:
        """Send what the kernel takes of it. BlockingIOError if that is nothing."""
        try:
            return super().send(*arguments)
        except _NOT_NOW as error:
            raise BlockingIOError from error


def context(authority: Path | None, insecure: bool) -> ssl.SSLContext:
    """Return how to speak TLS: `authority` (PEM) instead of the system's, `insecure`: whoever answers is right."""
    try:
        made = ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise UsageError(f"--tls-ca {authority}: {error.strerror or error}") from None
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    made.sslsocket_class = TlsSocket
    return made
