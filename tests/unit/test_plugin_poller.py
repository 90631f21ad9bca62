"""Supervisord's poller forgets a descriptor that was closed and came back as something else."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from supervisor.poller import PollPoller

import mooring.plugin  # noqa: F401 - importing it installs the change, as supervisord does


def test_a_descriptor_that_came_back_as_a_writer_without_reader_is_forgotten() -> None:
    poller = PollPoller(SimpleNamespace())
    reader, writer = os.pipe()
    poller.register_readable(reader)
    os.close(writer)
    os.close(reader)  # as supervisord closes a process's output: the poller is not told
    # The number comes back as the standard input of an fcgi-program, whose other end the child has closed.
    other, new_writer = os.pipe()
    assert other == reader, "the kernel gives the lowest free number"
    os.dup2(new_writer, reader)
    os.close(new_writer)
    try:
        assert poller.poll(0) == ([], [])
        assert poller._poller.poll(0) == [], "supervisord would come back from each poll(2) at once"
    finally:
        os.close(reader)


@pytest.mark.parametrize("written", [b"words", b""])
def test_output_and_its_end_are_still_read(written: bytes) -> None:
    poller = PollPoller(SimpleNamespace())
    reader, writer = os.pipe()
    poller.register_readable(reader)
    os.write(writer, written)
    os.close(writer)
    try:
        assert poller.poll(0) == ([reader], [])
        assert os.read(reader, 10) == written
    finally:
        os.close(reader)
