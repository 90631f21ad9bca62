"""Signals that wake the hub.

A Python handler runs between two bytecodes, but the hub may sleep in epoll for a minute: PEP 475 has it go on
sleeping after the handler. ``signal.set_wakeup_fd`` writes each signal's number into a pipe that the hub reads.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Callable
from typing import Any

from mooring.worker import engine


def show_stacks() -> None:
    """Write all stacks to standard error on SIGUSR1 (for a worker that hangs), and on a crash in C."""
    faulthandler.enable(file=2, all_threads=True)
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)


def on_signals(signals: tuple[signal.Signals, ...], react: Callable[[int], None]) -> None:
    """Call ``react`` with the number of each of these signals, from the hub, as soon as one arrives."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, _nothing)
        signal.siginterrupt(number, False)

    def readable(_: Any) -> None:
        for number in engine.raw_os.read(reader, 64):
            if number in signals:
                react(number)

    hub = engine.hub()
    hub.add(hub.READ, reader, readable, _nothing, None)


def _nothing(*_: Any) -> None:
    """Handle the signal by doing nothing: the byte in the pipe is what counts."""
