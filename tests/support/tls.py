"""An attacker's server that speaks TLS: it shows a certificate of its own, and notes what it is sent in confidence."""

from __future__ import annotations

import contextlib
import socket
import ssl
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.clients import served


@dataclass
class Thief:
    """What it has got."""

    address: tuple[str, int]
    connections: int = 0
    received: list[bytes] = field(default_factory=list)
    """What clients have said after the handshake."""


def old_tls(context: ssl.SSLContext) -> None:
    """Have a server offer TLS 1.0 and 1.1 alone."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


@contextlib.contextmanager
def thief(
    certificate: tuple[Path, Path], address: tuple[str, int] = ("127.0.0.1", 0), *, old: bool = False
) -> Iterator[Thief]:
    """Serve with this certificate and its key; each request is answered 200. `old`: by TLS 1.0 and 1.1 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if old:
        old_tls(context)
    with socket.create_server(address, backlog=128) as listener:
        found = Thief(listener.getsockname())

        def serve(client: socket.socket) -> None:
            found.connections += 1
            client.settimeout(10)
            with context.wrap_socket(client, server_side=True) as private:
                found.received.append(private.recv(65536))
                private.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nstolen")

        with served(listener, serve):
            yield found
