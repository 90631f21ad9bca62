"""Where a group listens: supervisor's two kinds of socket configuration, with what they lack.

Added to supervisor's own: IPv6, a comparison of all values (so that `reread` sees a change of the backlog,
the mode or the owner), the match with a socket that is passed in, and care for a unix socket that someone
else is serving.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor.datatypes import InetStreamSocketConfig, UnixStreamSocketConfig

from mooring.host.addresses import Address, parse_url, resolve


class TcpEndpoint(InetStreamSocketConfig):  # type: ignore[misc] # supervisor has no types
    """A TCP address, IPv4 or IPv6."""

    def __init__(self, url: str, address: Address, backlog: int | None) -> None:
        super().__init__(address.host, address.port, backlog=backlog)
        self.url, self.address = url, address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TcpEndpoint) and (self.url, self.backlog) == (other.url, other.backlog)

    def __hash__(self) -> int:
        return hash(self.url)

    def create_and_bind(self) -> socket.socket:
        """Return a bound socket. OSError, socket.gaierror."""
        bound = socket.socket(self.address.family, socket.SOCK_STREAM)
        try:
            # Without it, connections of the process before us that are in TIME_WAIT keep the port: socket(7)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self.address.family == socket.AF_INET6:
                # [::] serves IPv4 as well, whatever net.ipv6.bindv6only says: ipv6(7)
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            bound.bind(resolve(self.address))
        except OSError:
            bound.close()
            raise
        return bound

    def matches(self, passed: socket.socket) -> bool:
        """Tell whether a passed socket listens where this URL points. socket.gaierror.

        [::] of a dual-stack socket (systemd's `ListenStream=9001`) stands for 0.0.0.0 as well.
        """
        if passed.family not in (socket.AF_INET, socket.AF_INET6):
            return False
        host, port = passed.getsockname()[:2]
        if port != self.address.port:
            return False
        wanted = resolve(self.address)[0]
        if passed.family == self.address.family:
            return bool(host == wanted)
        dual = passed.family == socket.AF_INET6 and not passed.getsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        )
        return bool(dual and host == "::" and wanted == "0.0.0.0")  # noqa: S104 - compared, not bound

    def description(self) -> str:
        """Name the address for an error message."""
        return f"port {self.port} ({self.url})"

    def set_permissions(self) -> None:
        """Do nothing: a TCP socket has none."""

    def discard(self) -> None:
        """Do nothing: nothing is left of a closed TCP socket."""


class UnixEndpoint(UnixStreamSocketConfig):  # type: ignore[misc]
    """A unix socket's path, with mode and owner."""

    def __init__(self, stock: Any) -> None:
        super().__init__(stock.path, mode=stock.mode, owner=stock.owner, backlog=stock.backlog)
        self.address = Address(socket.AF_UNIX, stock.path, 0)
        self.made: tuple[int, int] | None = None  # device and inode of what was bound here

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnixEndpoint) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self.url)

    def _values(self) -> tuple[Any, ...]:
        return self.path, self.mode, self.owner, self.backlog

    def create_and_bind(self) -> socket.socket:
        """Return a bound socket with its mode and owner set. OSError, ValueError.

        What a dead process left at the path is removed; a socket that is served, or a file, is not ours to
        remove.
        """
        if self._in_use():
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        bound: socket.socket = super().create_and_bind()
        found = Path(self.path).stat()
        self.made = found.st_dev, found.st_ino
        return bound

    def _in_use(self) -> bool:
        try:
            if not stat.S_ISSOCK(Path(self.path).lstat().st_mode):
                return True
        except FileNotFoundError:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client:
            # EAGAIN is a backlog that is full: somebody's nevertheless
            return client.connect_ex(self.path) in (0, errno.EAGAIN, errno.EPROTOTYPE)

    def matches(self, passed: socket.socket) -> bool:
        """Tell whether a passed socket listens where this URL points."""
        return passed.family == socket.AF_UNIX and bool(passed.getsockname() == self.path)

    def description(self) -> str:
        """Name the address for an error message."""
        return f"socket {self.path}"

    def set_permissions(self) -> None:
        """Give the path our mode and owner. ValueError."""
        self._chown()
        self._chmod()

    def discard(self) -> None:
        """Remove the path of a closed socket that was bound here, unless it is another one's by now."""
        with contextlib.suppress(OSError):  # it has gone, or its folder has been given to another user
            found = Path(self.path).lstat()
            if self.made == (found.st_dev, found.st_ino):
                Path(self.path).unlink()


Endpoint = TcpEndpoint | UnixEndpoint


def parse_endpoint(stock_parser: Callable[..., Any], url: str, *rest: Any) -> Endpoint:
    """Return the endpoint of an `[fcgi-program]`. ValueError says what is wrong with it.

    `rest` is what follows the URL in supervisor's own parser, parse_fcgi_socket, which does all but IPv6.
    """
    if url.startswith("tcp://["):
        _, owner, mode, backlog = rest
        if owner is not None or mode is not None:
            raise ValueError("socket_owner and socket_mode are for unix sockets")
        return TcpEndpoint(url, parse_url(url), backlog)
    stock = stock_parser(url, *rest)
    if isinstance(stock, UnixStreamSocketConfig):
        return UnixEndpoint(stock)
    return TcpEndpoint(stock.url, Address(socket.AF_INET, stock.host, stock.port), stock.backlog)
