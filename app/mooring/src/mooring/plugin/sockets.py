"""The listening sockets of one supervisord, by URL: opened, adopted, moved, closed."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mooring.host.addresses import holder_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from mooring.plugin.endpoints import Endpoint

SD_LISTEN_FDS_START = 3  # sd-daemon.h
SPARE = 64  # descriptors above minfds that are asked for: one for each URL


class RefusedError(Exception):
    """A socket can't be had; the text says why, and the way out."""


@dataclass
class Shared:
    """An open socket: where, its descriptor, and whether it was passed to us."""

    endpoint: Endpoint
    listening: socket.socket
    adopted: bool
    backlog: int


class SharedSockets:
    """Keeps one listening socket for each URL.

    Made before supervisord forks or drops its privileges, so it takes what systemd passed here and now.
    """

    def __init__(self) -> None:
        self._open: dict[str, Shared] = {}
        self._passed = _passed_sockets()

    def facts(self) -> list[dict[str, Any]]:
        """Return url, fd, inode (text: XML-RPC's integers end at 2^31), backlog and adopted of each."""
        return [
            {
                "url": url,
                "fd": shared.listening.fileno(),
                "inode": str(os.fstat(shared.listening.fileno()).st_ino),
                "backlog": shared.backlog,
                "adopted": shared.adopted,
            }
            for url, shared in self._open.items()
        ]

    def socket_of(self, endpoint: Endpoint) -> socket.socket:
        """Return the socket of a group that was added."""
        return self._open[endpoint.url].listening

    def open(self, endpoint: Endpoint, minfds: int, logger: Any) -> None:
        """Have the endpoint's socket listen at a descriptor that is not below minfds. RefusedError.

        Backlog, mode and owner are those of the group that was added last.
        """
        known = self._open.get(endpoint.url)
        shared = known or self._adopt(endpoint) or self._bind(endpoint)
        try:
            shared.backlog = endpoint.get_backlog() or socket.SOMAXCONN
            if known and not shared.adopted:
                endpoint.set_permissions()
            shared.listening.listen(shared.backlog)  # once more is allowed, and sets the backlog: listen(2)
            self._open[endpoint.url] = shared
            self.move_above(minfds)
        except (OSError, ValueError, RefusedError) as error:
            if known is None:
                self._close(endpoint.url, shared)
            raise error if isinstance(error, RefusedError) else _refusal(endpoint, error) from error
        if known is None:
            how = "adopted" if shared.adopted else "bound"
            logger.info("socket %(url)s: %(how)s", url=endpoint.url, how=how)

    def check(self, endpoint: Endpoint) -> None:
        """Find out whether `open` would succeed, without listening. RefusedError."""
        if endpoint.url not in self._open and not self._passed_for(endpoint):
            shared = self._bind(endpoint)
            shared.listening.close()
            endpoint.discard()

    def close_all_but(self, urls: Collection[str | None]) -> list[str]:
        """Close the sockets of all other URLs, and return those. What systemd passed stays open."""
        unused = [url for url in self._open if url not in urls]
        for url in unused:
            self._close(url, self._open[url])
        return unused

    def move_above(self, minfds: int) -> None:
        """Give every socket a descriptor that is not below minfds, and closes on exec. RefusedError."""
        for shared in self._open.values():
            shared.listening = _moved(shared.listening, minfds)
        self._passed = [_moved(passed, minfds) for passed in self._passed]

    def _adopt(self, endpoint: Endpoint) -> Shared | None:
        passed = self._passed_for(endpoint)
        return None if passed is None else Shared(endpoint, passed.dup(), adopted=True, backlog=0)

    def _passed_for(self, endpoint: Endpoint) -> socket.socket | None:
        try:
            return next((passed for passed in self._passed if endpoint.matches(passed)), None)
        except socket.gaierror as error:
            raise _refusal(endpoint, error) from error

    def _bind(self, endpoint: Endpoint) -> Shared:
        try:
            return Shared(endpoint, endpoint.create_and_bind(), adopted=False, backlog=0)
        except (OSError, ValueError) as error:
            raise _refusal(endpoint, error) from error

    def _close(self, url: str, shared: Shared) -> None:
        self._open.pop(url, None)
        shared.listening.close()
        if not shared.adopted:
            shared.endpoint.discard()


def _refusal(endpoint: Endpoint, error: Exception) -> RefusedError:
    """Say in one sentence why the socket can't be had, and the way out."""
    why = str(error)
    if isinstance(error, socket.gaierror):
        why = f"the host {endpoint.address.host} is unknown ({error.strerror})"
    elif isinstance(error, OSError):
        why = _WAYS_OUT.get((endpoint.address.family == socket.AF_UNIX, error.errno), error.strerror or why)
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        holder = holder_of(endpoint.address)
        if holder and holder.pid == os.getpid():
            why = "this supervisord holds it under another URL; write one URL in all groups"
        else:
            why = f"taken by {holder or 'something that /proc does not show'}; end that, or choose another"
    return RefusedError(f"{endpoint.description()}: {why}")


# By whether it is a unix socket, and the kernel's error
_WAYS_OUT: dict[tuple[bool, int | None], str] = {
    (True, errno.EACCES): "permission denied; its folder must be writable for this user",
    (True, errno.ENOENT): "its folder does not exist; make it",
    (
        False,
        errno.EACCES,
    ): "permission denied; have systemd pass it (a .socket unit), or choose one of at least"
    " net.ipv4.ip_unprivileged_port_start",
    (False, errno.EADDRNOTAVAIL): "no interface of this host has that address",
}


def _passed_sockets() -> list[socket.socket]:
    """Take the listening stream sockets that systemd passed to this very process: sd_listen_fds(3)."""
    pid, count = os.environ.get("LISTEN_PID"), os.environ.get("LISTEN_FDS", "")
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)  # they are meant for us, not for our children
    passed = []
    for fd in range(SD_LISTEN_FDS_START, SD_LISTEN_FDS_START + int(count)):
        os.set_inheritable(fd, False)
        try:
            candidate = socket.socket(fileno=fd)
        except OSError:  # a FIFO or file: nothing that a group could name
            continue
        stream = candidate.type == socket.SOCK_STREAM
        if stream and candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            passed.append(candidate)
        else:
            candidate.detach()
    return passed


def _moved(listening: socket.socket, minfds: int) -> socket.socket:
    if listening.fileno() >= minfds:
        return listening
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < minfds + SPARE:
        wanted = minfds + SPARE if hard == resource.RLIM_INFINITY else min(minfds + SPARE, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        fd = fcntl.fcntl(listening, fcntl.F_DUPFD_CLOEXEC, minfds)
    except OSError as error:
        raise RefusedError(
            f"no descriptor is left at or above minfds={minfds} of [supervisord] ({error.strerror}; the"
            f" limit is {hard}): lower minfds, or raise the limit on open files"
        ) from error
    listening.close()
    return socket.socket(fileno=fd)
