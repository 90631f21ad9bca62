"""The wall clock set forth and back by an hour under load (libfaketime): nobody is cut, and deploys go on."""

from __future__ import annotations

import datetime
import email.utils
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from prove import operations
from support.faults import (
    assert_not_mixed,
    begun_post,
    end_supervisord,
    finish_post,
    harmless,
    more_requests,
    private_state,
)
from support.load.generator import to_be_told
from support.load.stage import RATE, Stage, staged

HOUR = 3600
OFFSET = "offset"
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
SLEEP = "import functools, select, time; time.sleep = functools.partial(select.select, [], [], [])"
"""libfaketime fails each clock_nanosleep(2) until a moment of the monotonic clock (EINVAL), which is how time.sleep waits."""

SUPERVISORD = f"""
# supervisord gives its processes nothing of the environment that it was started in; here they need the library.
import os, runpy, sys

kept = {{name: os.environ[name] for name in os.environ if name.startswith(("LD_PRELOAD", "FAKETIME_", "NO_FAKE_"))}}
clear = os.environ.clear
os.environ.clear = lambda: (clear(), os.environ.update(kept)) and None
{SLEEP}
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

NEEDS = "libfaketime is not there (Debian: apt-get install libfaketime)"

pytestmark = pytest.mark.skipif(not LIBRARIES, reason=NEEDS)


class Clock:
    """The wall clock of a deployment; the monotonic one goes on. ``folder`` holds what its processes read."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self._file, self.stage = folder / OFFSET, stage

    def set(self, offset: int) -> None:
        """Set it to the true time and so many seconds; returns when supervisord and the workers show that."""
        tell(self._file, offset)
        for ask in (self._api, self._supervisord):
            for _ in range(20):  # any of the workers answers; and each question makes supervisord turn
                self.stage.until(lambda ask=ask: abs(ask() - offset) < HOUR / 4)

    def _api(self) -> float:
        return _off(http.client.HTTPConnection("127.0.0.1", self.stage.port, timeout=30))

    def _supervisord(self) -> float:
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        connection.sock.connect(str(self.stage.root / "supervisor/run/supervisor.sock"))
        return _off(connection)


def tell(file: Path, offset: int) -> None:
    """Write the file that libfaketime reads, whole or not at all."""
    draft = file.with_suffix(".draft")
    draft.write_text(f"{offset:+d}\n")
    draft.chmod(0o644)
    draft.replace(file)


def _off(connection: http.client.HTTPConnection) -> float:
    """Return by how many seconds the Date field of an answer is off."""
    connection.request("GET", "/")
    date = connection.getresponse().headers["Date"]
    connection.close()
    now = datetime.datetime.now(datetime.timezone.utc)
    return (email.utils.parsedate_to_datetime(date) - now).total_seconds()


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    """A deployment of its own, whose supervisord has this clock, and so have all its processes."""
    folder = Path(tempfile.mkdtemp(prefix="mooring-clock-"))
    folder.chmod(0o755)
    tell(folder / OFFSET, 0)
    (folder / "supervisord.py").write_text(SUPERVISORD)
    settings = {"MOORING_BODY_TIMEOUT": 120}
    files = {"sleep.pth": f"{SLEEP}\n"}
    with staged(
        "--rate", str(RATE), "--timeout", "60", files=files, drain_timeout=60, worker_settings=settings
    ) as stage:
        with stage.generator.marked("supervisord started with the other clock"):
            end_supervisord(stage, signal.SIGTERM)
            _start_supervisord(stage, folder)
            stage.gate()
        yield Clock(folder, stage)
        to_be_told("the clock under load", stage.generator.stop())
    shutil.rmtree(folder)


def _start_supervisord(stage: Stage, folder: Path) -> None:
    """Start it as the playbook does, but by a program of the test. It alone, with its processes, gets the library."""
    home = stage.root / "supervisor"
    environment = {
        **os.environ,
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(folder / OFFSET),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    words = [home / "venv/bin/python", "-I", folder / "supervisord.py"]
    words += [home / "venv/bin/supervisord", "-c", home / "supervisord.conf"]
    subprocess.run(words, env=environment, check=True, stdin=subprocess.DEVNULL)
    stage.until(stage.workers)


@pytest.mark.parametrize(("name", "offset"), [("forth", HOUR), ("back", -HOUR)])
def test_a_clock_that_is_set_ends_nothing(clock: Clock, name: str, offset: int) -> None:
    stage = clock.stage
    before = stage.pids()
    with harmless(stage, f"the clock set {name} by an hour"):
        clock.set(offset)
        more_requests(stage, 1000)
        assert stage.pids() == before
        operations.rolling_restart(stage)
        before = stage.pids()
        clock.set(0)
        more_requests(stage, 1000)
        assert stage.pids() == before
    assert_not_mixed(stage)


@pytest.mark.parametrize(("name", "offset"), [("forth", HOUR), ("back", -HOUR)])
def test_a_drain_is_not_cut_short_when_the_clock_is_set(clock: Clock, name: str, offset: int) -> None:
    stage = clock.stage
    old = stage.workers()
    with harmless(stage, f"the clock set {name} during a drain"), begun_post(stage.port) as client:
        environment = {**stage.knobs["app_environment"], "LOAD_SETTING": f"drained {name}"}
        process = stage.start("deploy.yml", app_environment=environment)
        stage.until(lambda: _draining(stage, old), 300)
        stage.until(lambda: len(_draining(stage, old)) == 1)  # the one that has this request in flight
        clock.set(offset)
        assert len(_draining(stage, old)) == 1
        finish_post(client)
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output
        clock.set(0)
    assert_not_mixed(stage)


def _draining(stage: Stage, workers: dict[str, int]) -> list[str]:
    return [name for name, pid in workers.items() if private_state(stage, name, pid) == "draining"]
