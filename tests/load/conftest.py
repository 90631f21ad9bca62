"""One deployment and one run of the load for all operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.load.generator import pytest_terminal_summary  # noqa: F401 - a hook
from support.load.stage import RATE, Stage, staged


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The counting site under load, from the first operation to the last."""
    with staged("--rate", str(RATE), "--timeout", "60") as one:
        yield one
