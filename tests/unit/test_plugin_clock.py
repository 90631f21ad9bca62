"""Supervisord's clock goes on, whatever is done to the machine's."""

from __future__ import annotations

import time

import pytest
from supervisor import process, rpcinterface, supervisord

import mooring.plugin  # noqa: F401 - importing it installs the change, as supervisord does


@pytest.mark.parametrize("module", [process, rpcinterface, supervisord])
@pytest.mark.parametrize("hour", [3600, -3600])
def test_setting_the_clock_changes_nothing(
    module: object, hour: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = module.time.time()  # type: ignore[attr-defined]
    assert abs(before - time.time()) < 60, "it starts with the wall clock"
    set_to = time.time() + hour
    monkeypatch.setattr(time, "time", lambda: set_to)
    assert before <= module.time.time() < before + 60  # type: ignore[attr-defined]


def test_the_rest_of_the_module_is_there() -> None:
    assert process.time.sleep is time.sleep
