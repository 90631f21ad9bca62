"""One deployment under load for all faults; each test leaves it as it found it: two workers, all ready."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.load.stage import RATE, Stage, staged

CLIENTS = 12
"""The generator's clients: each has one request in flight at most."""
HEADER_TIMEOUT = 5


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The counting site under load."""
    with staged(
        "--rate", str(RATE), "--timeout", "60", worker_settings={"MOORING_HEADER_TIMEOUT": HEADER_TIMEOUT}
    ) as one:
        yield one
