"""What the watchdog does with a worker that it kills. The process is real; supervisord's part is played here."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess

import pytest

from mooring import settings
from mooring.bootstrap.liveness import Sample
from mooring.bootstrap.watchdog import Watchdog


@pytest.mark.parametrize("seen_at_once", [True, False])
def test_a_killed_worker_is_counted_however_soon_it_is_reaped(
    monkeypatch: pytest.MonkeyPatch, seen_at_once: bool
) -> None:
    """Its group is killed before it: supervisord may have seen its end when the second signal is sent."""
    watchdog = Watchdog(
        settings.load({"MOORING_INSTANCE": "a", "MOORING_RUN_DIR": "/r", "MOORING_APP": "a:b"})
    )
    worker = subprocess.Popen(["sleep", "600"], process_group=0)
    real_killpg = os.killpg

    def killpg(group: int, number: int) -> None:
        real_killpg(group, number)
        if seen_at_once:
            worker.wait(60)

    monkeypatch.setattr(os, "killpg", killpg)
    pidfd = os.pidfd_open(worker.pid)

    async def kill() -> None:
        answer = asyncio.create_task(asyncio.sleep(0, b""))
        await watchdog._kill(answer, worker.pid, pidfd, Sample("T", 0.0, traced=False))

    try:
        asyncio.run(kill())
        assert watchdog.killed == 1
        assert worker.wait(60) == -signal.SIGKILL
    finally:
        os.close(pidfd)
        worker.kill()
        worker.wait(60)
