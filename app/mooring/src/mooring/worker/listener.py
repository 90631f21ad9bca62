"""The listening socket that supervisord hands to a worker."""

from __future__ import annotations

import os
import socket
import stat

from mooring.worker import forks

LISTENER = 0
"""The descriptor that supervisord hands a listening socket to an fcgi-program on (FastCGI spec, 2.2)."""


def listener_problem() -> str | None:
    """Return what is wrong with descriptor 0, as a question to the reader, or None."""
    what = None
    try:
        mode = os.fstat(LISTENER).st_mode
    except OSError:
        what = "is closed"
    else:
        if not stat.S_ISSOCK(mode):
            what = "is not a socket"
        else:
            with socket.socket(fileno=os.dup(LISTENER)) as candidate:
                if not candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    what = "is a socket that does not listen"
    if what is None:
        return None
    return (
        f"file descriptor {LISTENER} {what}: was this worker started outside of supervisord,"
        " or by a [program:x] instead of an [fcgi-program:x]?"
    )


def take_listener() -> socket.socket:
    """Move the listening socket to a descriptor that closes on exec; 0 becomes /dev/null.

    A program that the application starts then reads the end of its input, and never holds the port. To be called before
    an engine makes the standard library cooperative: it is a plain socket.
    """
    listener = socket.socket(fileno=os.dup(LISTENER))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, LISTENER)
    os.close(nothing)
    forks.on_child(listener.close)
    return listener
