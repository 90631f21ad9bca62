"""What signals do to a worker, and how they wake it.

===========================  =====================================================================
TERM, INT, QUIT              the drain: stop accepting, finish what is in flight, exit 0
USR1                         all stacks on standard error
HUP, USR2, TTIN, TTOU, …     nothing but a line in the log: other servers reload or scale by them
===========================  =====================================================================

A Python handler runs between two bytecodes, but the engine may sleep in epoll for a minute: PEP 475 has it go on
sleeping after the handler. ``signal.set_wakeup_fd`` writes each signal's number into a pipe that the engine reads.

An application may install handlers of its own, at import or in a view. The log tells it once for each signal. Those of
the drain stay with the worker: without them a stop or a deploy would lose requests. In a child that the application
forks its handlers are in effect, and the default of all others.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import traceback
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from mooring import status_socket
from mooring.worker import forks, log

DRAIN = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
STACKS = signal.SIGUSR1
NOTHING = (
    signal.SIGHUP,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGTSTP,
    signal.SIGWINCH,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGIO,
    signal.SIGPWR,
)

MOST = 20
"""Green threads whose stacks are shown."""
DEEPEST = 12
"""Calls of each that are shown, the last ones."""

_set_handler = signal.signal
_read, _write, _close_descriptor = os.read, os.write, os.close  # the originals, as above
_set_wakeup = signal.set_wakeup_fd
_of_application: dict[int, Any] = {}
"""The handlers that the application has asked for, of the signals that the worker keeps."""
_logged: set[int] = set()


def show_stacks(waiting_frames: Callable[[], Iterable[FrameType]]) -> None:
    """Write all stacks to standard error on SIGUSR1 (for a worker that hangs), and on a crash in C.

    faulthandler knows threads of the operating system alone: what waits for others, an import too, shows there as the hub. So
    the stacks of green threads follow, which ``waiting_frames`` returns, as soon as Python can run.
    """

    def show_green_threads(_number: int, _frame: Any) -> None:
        waiting = [frame for frame in waiting_frames() if _is_applications(frame)]
        stacks = ["".join(traceback.format_stack(frame)[-DEEPEST:]) for frame in waiting[:MOST]]
        text = "".join(f"A green thread that waits (most recent call last):\n{stack}" for stack in stacks)
        with contextlib.suppress(OSError):  # a full pipe: whoever was interrupted is not to fail for it
            _write(2, f"{text}{status_socket.END_OF_STACKS}\n".encode())

    faulthandler.enable(file=2, all_threads=True)
    _set_handler(STACKS, show_green_threads)
    signal.siginterrupt(STACKS, False)
    faulthandler.register(STACKS, file=2, all_threads=True, chain=True)


def _is_applications(frame: FrameType) -> bool:
    """Tell whether a stack has code other than the server's: what the server itself waits for explains nothing."""
    names = {str(each.f_globals.get("__name__")).partition(".")[0] for each, _ in traceback.walk_stack(frame)}
    return not names <= {"__main__", "eventlet", "mooring", "runpy"}


def tolerate() -> None:
    """Tolerate the signals that other servers reload or scale by, from now on, and notice who replaces a handler.

    To be called before the application is imported. Its children get the default effect at their execve(2): an ignored
    signal (SIG_IGN) would stay ignored there.
    """
    for number in NOTHING:
        _set_handler(number, _nothing)
        signal.siginterrupt(number, False)
    signal.signal = _signal
    signal.set_wakeup_fd = _set_wakeup_fd
    forks.on_child(_give_back)


def on_signals(
    drain: Callable[[str], None], on_readable: Callable[[int, Callable[[], object]], None]
) -> None:
    """Call ``drain`` with the name of a signal that asks for it, as soon as one arrives.

    ``on_readable`` has a call made whenever a descriptor can be read, by the engine.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    _set_wakeup(writer, warn_on_full_buffer=False)
    for number in DRAIN:
        _set_handler(number, _nothing)
        signal.siginterrupt(number, False)

    def readable() -> None:
        for number in set(_read(reader, 4096)):
            if number in DRAIN:
                drain(signal.Signals(number).name)
            elif number in NOTHING and signal.getsignal(number) is _nothing:
                log.event("signal", signal=signal.Signals(number).name, effect="none")

    on_readable(reader, readable)
    forks.on_child(lambda: _close(reader, writer))


def _nothing(*_: Any) -> None:
    """Handle the signal by doing nothing: the byte in the pipe is what counts."""


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        _close_descriptor(descriptor)


def _signal(signalnum: Any, handler: Any) -> Any:
    """Stand for ``signal.signal`` and notice what the application does; what the drain needs stays."""
    if forks.in_child:
        return _set_handler(signalnum, handler)
    number = int(signalnum)
    if number in DRAIN:
        before = _of_application.get(number, signal.SIG_DFL)
        _of_application[number] = handler
        _log_handler(number, handler, "is not called: this signal starts the drain")
        return before
    before = _set_handler(signalnum, handler)
    if number == STACKS:
        _log_handler(number, handler, "replaces the worker's, which shows where a worker hangs")
    elif number in NOTHING:
        _log_handler(number, handler, "is called, and must not end the process: it has requests in flight")
    return signal.SIG_DFL if before is _nothing else before


def _log_handler(number: int, handler: Any, effect: str) -> None:
    if number in _logged:
        return
    _logged.add(number)
    is_standard = isinstance(handler, signal.Handlers)
    name = handler.name if is_standard else getattr(handler, "__qualname__", None)
    module = None if is_standard else getattr(handler, "__module__", None)
    whose = f"{module}.{name}" if module and name else name or repr(handler)
    log.event("signal_handler", signal=signal.Signals(number).name, handler=whose, effect=effect)


def _set_wakeup_fd(descriptor: int, *, warn_on_full_buffer: bool = True) -> int:
    """Stand for ``signal.set_wakeup_fd``: the worker's own descriptor stays, or no signal would start the drain."""
    if forks.in_child:
        return _set_wakeup(descriptor, warn_on_full_buffer=warn_on_full_buffer)
    if descriptor != -1 and -1 not in _logged:
        _logged.add(-1)
        log.event(
            "signal_handler", signal="all", effect="signal.set_wakeup_fd is the worker's own, and stays so"
        )
    return -1


def _give_back() -> None:
    """In a forked child: have signals do what the application wants, or what they do by default."""
    _set_wakeup(-1)
    faulthandler.unregister(STACKS)
    _set_handler(STACKS, _of_application.get(STACKS, signal.SIG_DFL))
    for number in (*DRAIN, *NOTHING):
        if signal.getsignal(number) is _nothing:
            _set_handler(number, _of_application.get(number, signal.SIG_DFL))
