"""Who is refused at the gate: a process that ends before it is ready; not one that has proved itself and renews itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.host.errors import HostError
from mooring.host.gate import Watch
from mooring.host.server import Process


def seen(pid: int) -> list[Process]:
    return [Process("api-blue", "0", "RUNNING", pid, 0, None)]


def test_a_new_one_that_ends_before_it_was_seen_ready_is_refused(tmp_path: Path) -> None:
    watch = Watch(tmp_path, print)
    watch.look(seen(11), 1)
    with pytest.raises(HostError, match=r"pid 11\) ended before it was ready"):
        watch.look(seen(12), 1)


def test_one_that_has_passed_the_gate_may_renew_itself_but_not_again_and_again(tmp_path: Path) -> None:
    watch = Watch(tmp_path, print, proved=True)
    watch.look(seen(11), 1)  # it has just removed its status socket: nobody is there
    assert watch.look(seen(12), 1), "the next one is not ready yet"
    with pytest.raises(HostError, match="ends again and again"):
        watch.look(seen(13), 1)
