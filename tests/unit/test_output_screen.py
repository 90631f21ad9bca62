"""The lines of the phases: plain ones where there is no terminal, one that counts the seconds where there is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from mooring_output.screen import FIRST, Screen


class Told:
    """A screen, what it has said in lines that stay, and what it has written itself."""

    def __init__(self, terminal: bool) -> None:
        self.lines: list[str] = []
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self.screen = Screen(self.lines.append, self._write, terminal)

    def written(self) -> str:
        try:
            return os.read(self._read, 65536).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        self.screen.close()
        os.close(self._read)
        os.close(self._write)


@pytest.fixture
def plain() -> Iterator[Told]:
    told = Told(terminal=False)
    yield told
    told.close()


@pytest.fixture
def terminal() -> Iterator[Told]:
    told = Told(terminal=True)
    yield told
    told.close()


def test_a_phase_is_a_line_and_said_once(plain: Told) -> None:
    for _ in range(2):
        plain.screen.begin("Install", ["localhost"], several=False)
    plain.screen.begin("Switch", ["api1", "api2"], several=True)
    assert plain.lines == ["Install    supervisord and the release", "Switch     api1, api2"]


def test_the_same_phase_on_the_next_batch_is_a_line(plain: Told) -> None:
    plain.screen.begin("Switch", ["api1"], several=True)
    plain.screen.begin("Switch", ["api2"], several=True)
    assert plain.lines == ["Switch     api1", "Switch     api2"]


def test_a_phase_that_lasts_is_told_of_ever_more_rarely(plain: Told) -> None:
    plain.screen.begin("Install", ["localhost"], several=False)
    plain.screen.task("Install the \x1b wheels")
    since = time.monotonic()
    for second in range(0, 300):
        plain.screen.tick(since + second)
    told = plain.written().splitlines()
    assert len(told) == 5  # after 15, 30, 60, 120 and 240 s
    assert told[0] == f"Install    … {FIRST} s so far: Install the \\x1b wheels"


def test_on_a_terminal_the_seconds_count_and_the_line_stays(terminal: Told) -> None:
    terminal.screen.begin("Install", ["localhost"], several=False)
    terminal.screen.task("Install the wheels")
    terminal.screen.tick(time.monotonic() + 7)
    assert "Install    supervisord and the release  7 s  Install the wheels" in terminal.written()
    terminal.screen.line("a diff")
    terminal.screen.finish()
    assert terminal.lines[0] == "a diff"
    assert terminal.lines[1].startswith("Install    supervisord and the release  ")


def test_a_closed_terminal_is_no_error(terminal: Told) -> None:
    terminal.screen.begin("Install", ["localhost"], several=False)
    os.close(terminal._read)
    terminal._read = os.open(os.devnull, os.O_RDONLY)
    terminal.screen.tick(time.monotonic())
