"""What has ended is started again in the turn in which it is reaped."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from supervisor.supervisord import Supervisor

import mooring.plugin  # noqa: F401 - importing it installs the change, as supervisord does


class Child:
    """A process and its group in one: records what supervisord has it do."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def finish(self, *_: Any) -> None:
        self.told.append("ended")

    def transition(self) -> None:
        self.told.append("looked after")


def test_a_child_is_looked_after_once_it_and_all_others_are_reaped() -> None:
    one, other = Child(), Child()
    ended = [(11, 9), (12, 9), (0, 0)]
    options = SimpleNamespace(waitpid=lambda: ended.pop(0), pidhistory={11: one, 12: other})
    supervisord = SimpleNamespace(options=options, process_groups={"one": one, "other": other})
    supervisord.reap = lambda **words: Supervisor.reap(supervisord, **words)
    supervisord.reap()
    assert one.told == other.told == ["ended", "looked after"]
