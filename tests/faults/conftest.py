"""One deployment under load for all faults; each test leaves it as it found it: two workers, all ready."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.faults import HEADER_TIMEOUT
from support.load.generator import pytest_terminal_summary  # noqa: F401 - a hook
from support.load.stage import RATE, Stage, staged


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those with a deployment of their own go first: two under load at once would be in each other's way."""
    items.sort(key=lambda item: "stage" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The counting site under load."""
    settings = {"MOORING_HEADER_TIMEOUT": HEADER_TIMEOUT, "MOORING_BODY_TIMEOUT": 120}
    with staged("--rate", str(RATE), "--timeout", "60", drain_timeout=90, worker_settings=settings) as one:
        yield one
