"""Host names: as libc finds them, in a real thread, so that no other green thread waits for it.

Eventlet's own resolver (dnspython) knows less than libc: no AI_CANONNAME, no ``127.1``, nothing of nsswitch.conf. It is on
only with EVENTLET_NO_GREENDNS=no in the application's environment.
"""

from __future__ import annotations

import os
import socket
from _thread import (
    get_ident,
    start_new_thread,
)  # the originals: this is imported before anything is made cooperative
from collections import deque
from collections.abc import Callable
from typing import Any

from eventlet import hubs
from eventlet.event import Event
from eventlet.green import socket as green_socket
from eventlet.semaphore import Semaphore
from greenlet import getcurrent

from mooring.worker import forks

LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")
AT_ONCE = 20
"""Most lookups in flight, each in a thread of its own."""

_originals: dict[str, Any] = {name: getattr(socket, name) for name in LOOKUPS}
_main = get_ident()


class _Threads:
    """Runs calls in real threads, for the green threads of one hub."""

    def __init__(self) -> None:
        self._places = Semaphore(AT_ONCE)
        self._results: deque[tuple[Any, Any, BaseException | None]] = deque()
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        hub = hubs.get_hub()
        hub.add(hub.READ, self._reader, self._on_result, _nothing, None)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._places:
            done = Event()
            start_new_thread(self._work, (done, function, args, kwargs))
            result, error = done.wait()
        if error is not None:
            raise error
        return result

    def _work(self, done: Any, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        result, failed = None, None
        try:
            result = function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
            failed = error
        self._results.append((done, result, failed))
        _write(self._writer, b"x")

    def _on_result(self, _: Any) -> None:
        _read(self._reader, 4096)
        while self._results:
            done, result, error = self._results.popleft()
            done.send((result, error))

    def close(self) -> None:
        for descriptor in (self._reader, self._writer):
            os.close(descriptor)


_read, _write = os.read, os.write
_threads: _Threads | None = None


def install() -> None:
    """Have the lookups of ``socket`` run in real threads."""
    for name in LOOKUPS:
        lookup = _getaddrinfo if name == "getaddrinfo" else _cooperative(name)
        for module in (socket, green_socket):
            setattr(module, name, lookup)
    forks.on_child(_forget)


def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what the function returns, or raise what it raises; meanwhile other green threads run."""
    global _threads  # noqa: PLW0603 - one for the process, made when it is first needed
    if get_ident() != _main or getcurrent() is hubs.get_hub().greenlet:
        return function(*args, **kwargs)  # a real thread may wait; the hub cannot
    if _threads is None:
        _threads = _Threads()
    return _threads.call(function, *args, **kwargs)


def _cooperative(name: str) -> Callable[..., Any]:
    def lookup(*args: Any, **kwargs: Any) -> Any:
        return in_thread(_originals[name], *args, **kwargs)

    lookup.__name__ = name
    return lookup


def _getaddrinfo(  # noqa: PLR0913, PLR0917 - as socket.getaddrinfo
    host: Any,
    port: Any,
    family: int = 0,
    type: int = 0,  # noqa: A002
    proto: int = 0,
    flags: int = 0,
) -> Any:
    """Do as socket.getaddrinfo; an address needs no thread."""
    original = _originals["getaddrinfo"]
    try:
        return original(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)
    except socket.gaierror:
        return in_thread(original, host, port, family, type, proto, flags)


def _forget() -> None:
    """In a forked child: there are no threads, and the pipe is the parent's."""
    global _threads, _main
    if _threads is not None:
        _threads.close()
    _threads, _main = None, get_ident()


def _nothing(*_: Any) -> None:
    """Stand for what Eventlet calls when the pipe is closed, which it never is."""
