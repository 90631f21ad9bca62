"""A process that the application forks has nothing of the server: os.fork, pty.fork, multiprocessing.

A fork copies the listening socket, every connection, the signal pipe, and what an engine of green threads has of them. Left
alone, the child would answer other clients, run requests in flight a second time, and take the signals of its parent. So,
before anything else runs in the child:

- What an engine has registered here runs: it leaves the child the thread that forked, and none other.
- The server's descriptors are closed in the child alone: close(2), never shutdown(2), which would end them for both.
- Signals have their default effect, or the effect that the application has asked for. They are blocked around the fork,
  so that none is taken by a child that still has the worker's handlers.
- A child that comes back out of its request ends there: it has no client.

The parent sees nothing of this. A command that is started without a Python function in between (subprocess without
``preexec_fn``) does not come here: descriptors of the server close on exec.

This module registers itself as it is imported, and must be the first to do so: what is registered first runs last before
the fork, and first in the child.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable

in_child = False
"""Whether this process is a child that the application has forked."""

_in_child_calls: list[Callable[[], None]] = []
_masks: dict[int, set[int]] = {}
_thread_id = threading.get_ident  # the original: this is imported before anything is made cooperative


def on_child(call: Callable[[], None]) -> None:
    """Have ``call`` run in every forked child, in the order of registration. It must not raise."""
    _in_child_calls.append(call)


def end(status: int = 0) -> None:
    """End the child, with what it has printed written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # noqa: PERF203 - closed by the application: nothing is left to write
            continue
    os._exit(status)


def fail(error: BaseException) -> None:
    """End the child as Python would have ended it for this exception."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            end(error.code or 0)
        sys.stderr.write(f"{error.code}\n")
    else:
        traceback.print_exception(error)
    end(1)


def _before() -> None:
    _masks[_thread_id()] = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def _unblock() -> None:
    mask = _masks.pop(_thread_id(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _in_child() -> None:
    global in_child  # noqa: PLW0603 - it is a fact of the process
    in_child = True
    for call in _in_child_calls:
        call()
    _unblock()


os.register_at_fork(before=_before, after_in_parent=_unblock, after_in_child=_in_child)
