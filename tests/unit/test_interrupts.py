"""Ctrl-C while Ansible replaces one task's process by the next: the run ends a moment later, and not in Ansible's own failure."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from ansible.plugins.loader import init_plugin_loader

init_plugin_loader([])

from ansible_collections.mooring.mooring.plugins.callback import summary  # noqa: E402 - found only then


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _queue_task() -> str:
    """As StrategyBase has it, where the process that was is closed, and the new one is not there yet."""
    os.kill(os.getpid(), signal.SIGINT)
    return "queued"


def test_it_is_tried_again_until_it_is_safe() -> None:
    one = summary.Interruptible()
    one._heed_interrupts()
    assert _queue_task() == "queued"
    assert one._interrupted
    with pytest.raises(KeyboardInterrupt):
        time.sleep(60)  # ended by the signal


def test_elsewhere_it_ends_the_run_at_once() -> None:
    summary.Interruptible()._heed_interrupts()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
