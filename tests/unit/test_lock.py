"""The lock of an instance: who holds it, whose it may become, and what stands in its place."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mooring.host import errors, lock
from support.places import SOURCES


def silent(_: str) -> None:
    """Tell nobody."""


def elsewhere(**facts: Any) -> dict[str, Any]:
    """Return the record of a run on another controller."""
    return {
        **lock.record(17),
        "run": "0123456789abcdef",
        "who": "alice@elsewhere",
        "boot": "another",
        "machine": "m@elsewhere",
        **facts,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "api").mkdir()
    return tmp_path / "api/lock"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def take(path: Path, holder: dict[str, Any], take_over: str = "") -> None:
    lock.take(str(path), holder, take_over, check=False, progress=silent)


def test_a_run_holds_it_between_its_commands(path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    mine = lock.record(sleeper.pid)
    take(path, mine)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with lock.changing(path, mine["run"], silent):
        pass
    with pytest.raises(errors.LockedError) as refusal, lock.changing(path, "", silent):
        pytest.fail("another command went in")
    assert refusal.value.status == 4
    assert f"api is being deployed by {mine['who']}, process {sleeper.pid}, since" in str(refusal.value)
    assert lock.release(str(path), "0" * 16, progress=silent)["held"] is False
    assert lock.release(str(path), mine["run"], progress=silent)["held"] is True
    with lock.changing(path, "", silent):
        pass


@pytest.mark.parametrize("end", ["killed", "a zombie", "its number is another's"])
def test_a_run_whose_process_has_ended_here_is_overtaken(path: Path, end: str) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        mine = lock.record(process.pid)
        take(path, mine)
        if end == "its number is another's":
            record = {**mine, "started": mine["started"] - 1}
            path.write_text(json.dumps(record))
        else:
            process.kill()
            if end == "killed":
                process.wait()
            else:
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with lock.changing(path, "", silent) as held:
            assert held.holder() == {}
        process.kill()


def test_a_machine_that_has_booted_since_runs_nothing_of_before(path: Path) -> None:
    if not lock.record(1)["machine"]:
        pytest.skip("this machine has no /etc/machine-id")
    path.write_text(json.dumps({**lock.record(os.getpid()), "boot": "before"}))
    with lock.changing(path, "", silent):
        pass


@pytest.mark.parametrize(
    "facts", [{}, {"namespace": "another"}, {"boot": ""}], ids=["controller", "container", "system"]
)
def test_of_a_process_elsewhere_nothing_is_known(path: Path, facts: dict[str, Any]) -> None:
    here = lock.record(os.getpid())
    holder = elsewhere() if not facts else elsewhere(boot=here["boot"], machine=here["machine"]) | facts
    assert lock.is_over(holder) is None
    path.write_text(json.dumps(holder))
    for wrong in ("", "fedcba9876543210"):
        with pytest.raises(errors.LockedError) as refusal:
            take(path, here, wrong)
        assert refusal.value.holder == holder
        assert "take its lock over: -e instance_break_lock=0123456789abcdef" in str(refusal.value)
    take(path, here, holder["run"])
    assert json.loads(path.read_text())["run"] == here["run"]


def test_a_check_takes_nothing(path: Path) -> None:
    mine = lock.record(os.getpid())
    lock.take(str(path), mine, check=True, progress=silent)
    assert not path.exists()
    path.write_text(json.dumps(elsewhere()))
    with pytest.raises(errors.LockedError):
        lock.take(str(path), mine, elsewhere()["run"], check=True, progress=silent)


HOLDS = """
import sys, time
from pathlib import Path
from mooring.host import lock
with lock.changing(Path(sys.argv[1]), "", print):
    print("in", flush=True)
    time.sleep(600)
"""


def test_commands_take_turns_and_the_kernel_ends_a_turn(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, path], env={"PYTHONPATH": SOURCES}, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"in\n"
        told: list[str] = []
        with pytest.raises(
            errors.LockedError, match=r"has not ended for 0\.1 s: `fuser .*` tells which; end it"
        ):
            lock.Lock(path, told.append, 0.1)
        assert told == ["waiting for the end of another command that changes this instance"]
        # SIGKILL, as a crash: nothing of the lock has to be tidied up
        lock.Lock(path, lambda _: other.send_signal(signal.SIGKILL)).close()


def test_a_lock_that_was_removed_meanwhile_is_made_again(path: Path) -> None:
    first = lock.Lock(path, silent)
    second: list[lock.Lock] = []
    path.unlink()
    second.append(lock.Lock(path, silent))
    assert not lock._is_at(path, first._descriptor)
    first.close()
    second[0].close()


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b"\n"])
def test_what_a_crash_of_the_machine_leaves_holds_nobody(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with lock.changing(path, "", silent):
        pass


@pytest.mark.parametrize(
    ("kind", "way_out"), [("file", "rm /"), ("folder", "rm -r /"), ("link", "rm /"), ("fifo", "rm /")]
)
def test_what_is_no_lock_is_refused_by_name(path: Path, kind: str, way_out: str) -> None:
    if kind == "file":
        path.write_text("somebody's note")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("somebody's note")
    else:
        os.mkfifo(path)
    with pytest.raises(errors.HostError) as refusal, lock.changing(path, "", silent):
        pytest.fail("it was taken")
    assert "no lock of Mooring's" in str(refusal.value)
    assert way_out in str(refusal.value)
    assert os.path.lexists(path)


@pytest.mark.parametrize("wrong", [{"run": "../../x"}, {"process": "1"}, {"who": None}])
def test_a_record_has_its_kinds(path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.CallError):
        take(path, {**lock.record(os.getpid()), **wrong})


def test_the_runs_of_two_processes_are_two(sleeper: subprocess.Popen[bytes]) -> None:
    assert (
        lock.record(sleeper.pid)["run"] == lock.record(sleeper.pid)["run"] != lock.record(os.getpid())["run"]
    )
