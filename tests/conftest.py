"""What all tests need of the process that they run in; and `--cpu`, what each test file costs."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

# A shell without job control starts what it puts into the background with SIGINT ignored, and so does every child. Tests
# that press Ctrl-C would press it in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LAST = pytest.StashKey[float]()
"""The CPU seconds when the report before was made."""


def spent() -> float:
    """Return the CPU seconds of this process and of all its children that have ended and were waited for."""
    return sum(os.times()[:4])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cpu",
        action="store_true",
        help="tell the CPU seconds of each test file, with those of its children",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note what a test has cost since the one before: fixtures and their ends included."""
    report = yield
    if item.config.getoption("--cpu"):
        now = spent()
        report.cpu_seconds = now - item.config.stash.get(LAST, now)
        item.config.stash[LAST] = now
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("--cpu"):
        return
    costs: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if seconds := getattr(report, "cpu_seconds", 0):
                costs[report.nodeid.partition("::")[0]] += seconds
    terminalreporter.section("CPU seconds")
    for path, seconds in costs.most_common():
        terminalreporter.write_line(f"{seconds:7.1f}  {path}")
    terminalreporter.write_line(f"{costs.total():7.1f}  in all")
