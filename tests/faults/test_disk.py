"""A full disk under logs and run directory: what serves goes on serving. Needs root: it mounts a small tmpfs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.faults.support import assert_not_mixed, failing, told
from tests.load.stage import Stage


def _fill(folder: Path) -> Path:
    """Fill the file system; returns the file that does it."""
    filler = folder / "filler"
    done = subprocess.run(
        ["dd", "if=/dev/zero", f"of={filler}", "bs=4096"], capture_output=True, text=True, check=False
    )
    assert "No space left on device" in done.stderr
    return filler


def test_full_disks_under_logs_and_sockets_cost_nothing(stage: Stage) -> None:
    assert os.geteuid() == 0, "run this suite as root: it mounts a tmpfs below the deployment's own folder"
    owner = (stage.home / "log").stat()
    mounted = []
    try:
        for name in ("log", "run"):
            options = f"size=256k,mode=750,uid={owner.st_uid},gid={owner.st_gid}"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", stage.home / name], check=True)
            mounted.append(stage.home / name)
        stage.control("restart", "all")  # the processes open logs and sockets where the disk is small
        stage.gate()
        with failing(stage, "full disks") as found:
            before = stage.pids()
            fillers = [_fill(folder) for folder in mounted]
            asked = stage.generator.state()["requests"]
            stage.until(lambda: stage.generator.state()["requests"] > asked + 2000)
            assert stage.pids() == before
            for filler in fillers:
                filler.unlink()
        assert not found, told(stage, found)
        assert_not_mixed(stage)
    finally:
        for folder in reversed(mounted):
            subprocess.run(["umount", "--lazy", folder], check=True)
        stage.control("restart", "all")
        stage.gate()
