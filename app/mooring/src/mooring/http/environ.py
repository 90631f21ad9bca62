"""The WSGI environ (PEP 3333, RFC 3875 4.1): one dict for the connection, which each request completes by its own.

``REQUEST_URI`` and ``RAW_URI`` hold the target as it came, for applications that need its percent-encoding.
Forwarding fields from anybody stay visible as ``HTTP_X_FORWARDED_…``; only a trusted peer's change ``REMOTE_ADDR`` and
``wsgi.url_scheme``.
"""

from __future__ import annotations

import sys
from typing import Any

from mooring.http.forwarded import believed
from mooring.http.limits import Trust

Environ = dict[str, Any]


def server_environ(address: Any, host_name: str, file_wrapper: Any) -> Environ:
    """Return what is the same for every connection of a listener.

    ``address`` as getsockname(2) gives it; ``host_name`` stands for one that is every interface's.
    """
    name, port = "localhost", "80"  # of a unix socket; neither may be empty (PEP 3333)
    if isinstance(address, tuple):
        name, port = bare_address(address[0]), str(address[1])
        if name in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            name = host_name
        elif ":" in name:
            name = f"[{name}]"  # RFC 3875 4.1.14
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_SOFTWARE": "mooring",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": file_wrapper,
        "wsgi.input_terminated": True,
    }


def bare_address(address: str) -> str:
    """Return the address without its zone, which is this host's alone; an IPv4 address behind ``::ffff:`` as such."""
    address = address.partition("%")[0]
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def connection_environ(server: Environ, address: Any, *, is_tls: bool) -> Environ:
    """Return what is the same for every request of a connection; ``address`` as accept(2) gave it."""
    environ = server.copy()
    if isinstance(address, tuple):
        host = address[0]
        environ["REMOTE_ADDR"] = bare_address(host) if ":" in host else host
        environ["REMOTE_PORT"] = str(address[1])
    else:  # a unix socket's client has no address
        environ["REMOTE_ADDR"] = ""
    if is_tls:
        environ["wsgi.url_scheme"] = "https"
        environ["HTTPS"] = "on"
    return environ


def believe(environ: Environ, trust: Trust) -> None:
    """Take client address and scheme from the forwarding fields. Only for a peer that is trusted."""
    peer = environ["REMOTE_ADDR"]
    environ["REMOTE_ADDR"], scheme = believed(environ, peer, trust)
    if environ["REMOTE_ADDR"] != peer:
        environ.pop("REMOTE_PORT", None)  # that was the proxy's
    if scheme:
        environ["wsgi.url_scheme"] = scheme
        environ.pop("HTTPS", None)
        if scheme == "https":
            environ["HTTPS"] = "on"
