"""Addresses of a host: socket URLs, whether one is free, who holds it, and those that the host has.

The probe sends this to hosts that have nothing installed: Python 3.8's standard library and syntax. supervisord's plugin
uses it as well.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import ipaddress
import os
import re
import socket
import struct
from pathlib import Path
from typing import Any, NamedTuple, Union

from mooring.host import processes, users

# Evaluated when this is imported, and Python 3.8 knows no other way to write it.
IPAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]  # noqa: UP007

# sun_path of unix(7) has 108 bytes, one of them for the NUL at the end.
UNIX_PATH_MAX = 107
TCP_LISTEN = "0A"  # include/net/tcp_states.h


class Address(NamedTuple):
    """Where a socket URL points: a host and port, or a path."""

    family: int
    host: str
    port: int

    @property
    def path(self) -> str:
        """The path of a unix socket (kept where a host would stand)."""
        return self.host


class Holder(NamedTuple):
    """Who holds an address. `pid` and `command` are None when this user may not look into that process."""

    inode: int
    uid: int | None
    pid: int | None
    command: str | None

    def __str__(self) -> str:
        if self.pid is not None:
            return f"process {self.pid} ({self.command})"
        owner = "another user" if self.uid is None else f"user {users.user_name(self.uid)}"
        return f"a process of {owner} (as root, `ss -lxntp` names it)"


def parse_url(url: str) -> Address:
    """Take a socket URL apart: `tcp://host:port`, `tcp://[ipv6]:port` or `unix:///absolute/path`.

    ValueError says what is wrong with it.
    """
    if url.startswith("unix://"):
        if not url[7:].startswith("/"):
            raise ValueError(f"{url}: a unix socket needs an absolute path, unix:///run/api.sock")
        return Address(socket.AF_UNIX, os.path.normpath(url[7:]), 0)
    match = re.fullmatch(r"tcp://(?:\[([0-9A-Fa-f:.]+(?:%[^\s\]]+)?)\]|([^\s:\[\]]+)):(\d{1,5})", url)
    if match is None:
        raise ValueError(f"{url}: not a socket URL; write tcp://host:port, tcp://[ipv6]:port or unix:///path")
    if not 0 < int(match[3]) < 65536:
        raise ValueError(f"{url}: port {match[3]} is not between 1 and 65535")
    family = socket.AF_INET6 if match[1] else socket.AF_INET
    return Address(family, (match[1] or match[2]).lower(), int(match[3]))


def resolve(address: Address) -> Any:
    """Give the address in the form that bind(2) takes. socket.gaierror when the host's name is unknown."""
    if address.family == socket.AF_UNIX:
        return address.path
    found = socket.getaddrinfo(
        address.host, address.port, address.family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE
    )
    return found[0][4]


def holder_of(address: Address) -> Holder | None:
    """Find the listening socket that keeps others from the address, and its process where that can be seen.

    None when /proc shows none. Reads /proc/net/{tcp,tcp6,unix} (proc(5)) of this network namespace.
    """
    found = _unix_listener(address.path) if address.family == socket.AF_UNIX else _tcp_listener(address)
    if found is None:
        return None
    inode, uid = found
    pid = _pid_with_socket(inode)
    return Holder(inode, uid, pid, None if pid is None else processes.command(pid))


def _tcp_listener(address: Address) -> tuple[int, int] | None:
    wanted = ipaddress.ip_address(resolve(address)[0].split("%")[0])
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in processes.lines(table)[1:]:
            fields = line.split()
            host, port = _decode(fields[1])
            if fields[3] == TCP_LISTEN and port == address.port and clash(host, wanted):
                return int(fields[9]), int(fields[7])
    return None


def clash(one: IPAddress, other: IPAddress) -> bool:
    """Tell whether both can't be bound to one port. `::` counts as dual-stack: /proc doesn't tell."""
    if one.version != other.version:
        six = one if one.version == 6 else other
        return six.is_unspecified
    return one == other or one.is_unspecified or other.is_unspecified


def _decode(field: str) -> tuple[IPAddress, int]:
    """Decode an address of /proc/net/tcp*: 32-bit words in the machine's order, a colon, the port in hex."""
    words, port = field.split(":")
    packed = b"".join(struct.pack("=I", int(words[i : i + 8], 16)) for i in range(0, len(words), 8))
    host = ipaddress.ip_address(packed)
    return getattr(host, "ipv4_mapped", None) or host, int(port, 16)


def _unix_listener(path: str) -> tuple[int, int | None] | None:
    accepts = 0x10000  # __SO_ACCEPTCON, the Flags column of /proc/net/unix
    for line in processes.lines("/proc/net/unix")[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[7] == path and int(fields[3], 16) & accepts:
            return int(fields[6]), None
    return None


def _pid_with_socket(inode: int) -> int | None:
    link = f"socket:[{inode}]"
    for fd in glob.iglob("/proc/[0-9]*/fd/*"):  # noqa: PTH207 - it passes over what may not be looked into
        # Not ours to look into, or it has ended since: no answer from that one.
        with contextlib.suppress(OSError):
            if os.readlink(fd) == link:  # noqa: PTH115 - the link's text is the fact, it is no path
                return int(fd.split("/")[2])
    return None


def listen_facts(url: str) -> dict[str, Any]:
    """Say whether the address is free: by binding it (and nothing more), since only that tells for sure.

    `reason` is the name of the error (errno(3)), `holder` who listens there, as text too.
    """
    address = parse_url(url)
    facts: dict[str, Any] = {"url": url, "free": True, "error": None, "reason": None, "holder": None}
    try:
        if address.family == socket.AF_UNIX:
            in_use = _unix_listener(address.path) is not None
            error = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)) if in_use else None
        else:
            error = _try_to_bind(address)
        if error is not None:
            holder = holder_of(address) if error.errno == errno.EADDRINUSE else None
            facts.update(free=False, error=error.strerror, reason=errno.errorcode.get(error.errno or 0))
            facts.update(holder=holder and {**holder._asdict(), "text": str(holder)})
    except socket.gaierror as problem:
        facts.update(free=False, error=f"the host {address.host} is unknown: {problem.strerror}")
    return facts


def _try_to_bind(address: Address) -> OSError | None:
    try:
        with socket.socket(address.family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(resolve(address))
    except socket.gaierror:
        raise
    except OSError as error:  # of socket(2) as well: a kernel without IPv6
        return error
    return None


def network_facts() -> dict[str, Any]:
    """Tell the host's own addresses, and the first port that needs no privilege (ip(7))."""
    first = "".join(processes.lines("/proc/sys/net/ipv4/ip_unprivileged_port_start")) or "1024"
    return {"addresses": _addresses(), "first_unprivileged_port": int(first)}


def _addresses(proc: str = "/proc/net") -> list[str]:
    """List the addresses of this host: /proc/net/fib_trie has IPv4's, if_inet6 IPv6's."""
    found = []
    leaf = ""
    for line in processes.lines(f"{proc}/fib_trie"):
        words = line.split()
        if words[:1] == ["|--"]:
            leaf = words[1]
        elif words == ["/32", "host", "LOCAL"] and leaf not in found:
            found.append(leaf)
    return found + [
        str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0])))
        for line in processes.lines(f"{proc}/if_inet6")
    ]


def configured_sockets(folder: str) -> list[dict[str, str]]:
    """List what the program files of that folder listen to: each file's name and its socket's URL."""
    found = []
    for path in sorted(glob.glob(f"{glob.escape(folder)}/*.conf")):  # noqa: PTH207 - a folder may be unreadable
        with contextlib.suppress(OSError):
            urls = re.findall(
                r"^socket=(\S+)", Path(path).read_text(encoding="utf-8", errors="replace"), re.M
            )
            found += [{"file": os.path.basename(path), "url": url} for url in urls]  # noqa: PTH119
    return found


def socket_path_facts(path: str) -> dict[str, Any]:
    """Say whether a unix socket's path fits the kernel's limit (unix(7)), in bytes."""
    size = len(os.fsencode(path))
    return {"path": path, "bytes": size, "limit": UNIX_PATH_MAX, "fits": size <= UNIX_PATH_MAX}
