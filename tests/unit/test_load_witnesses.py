"""What the logs tell of a failure: who lived then, and what was said."""

from __future__ import annotations

import calendar
import time
from pathlib import Path

import pytest

from support.load.witnesses import Life, between, lives

SUPERVISORD = """\
2026-01-01 12:00:00,000 INFO spawned: 'counting-bootstrap' with pid 10
2026-01-01 12:00:01,500 INFO spawned: '0' with pid 11
2026-01-01 12:00:02,000 INFO success: 0 entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)
2026-01-01 12:00:05,000 WARN exited: 0 (terminated by SIGKILL; not expected)
2026-01-01 12:00:05,010 INFO spawned: '0' with pid 12
2026-01-01 12:00:06,000 INFO spawned: '0' with pid 13
2026-01-01 12:00:09,000 INFO stopped: 0 (exit status 0)
2026-01-01 12:00:09,500 INFO stopped: counting-bootstrap (exit status 0)
"""
WORKER = """\
{"time": "2026-01-01T12:00:04.250Z", "event": "error", "where": "connection"}
  | Traceback (most recent call last):
{"time": "2026-01-01T12:00:08.000Z", "event": "drain", "why": "SIGTERM"}
{"time": "2026-01-01T12:00:0
"""


def local(second: float) -> float:
    return time.mktime((2026, 1, 1, 12, 0, 0, 0, 0, -1)) + second


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "supervisord.log"
    path.write_text(SUPERVISORD)
    return path


def test_who_lived_when(log: Path) -> None:
    assert lives(log) == [
        Life(10, "counting-bootstrap", local(0), local(9.5)),
        Life(11, "0", local(1.5), local(5)),
        # Two colours have a worker of this number, and supervisord does not say which one has ended.
        Life(12, "0", local(5.01)),
        Life(13, "0", local(6)),
    ]


def test_what_was_said_then(log: Path, tmp_path: Path) -> None:
    assert [line[20:40] for line in between(log, local(4.9), local(5.1))] == [
        "000 WARN exited: 0 (",
        "010 INFO spawned: '0",
    ]
    worker = tmp_path / "counting-blue-0.err.log"
    worker.write_text(WORKER)
    noon = calendar.timegm((2026, 1, 1, 12, 0, 0))
    assert between(worker, noon + 4, noon + 5) == WORKER.splitlines()[:2]
