"""What an application leaves behind: work after the response, and processes that outlive it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mooring import family
from support.places import SOURCES
from support.process_worker import ask, start
from support.processes import alive
from support.waiting import DEADLINE, until
from support.worker import Worker, page

JOBS = {
    "job_in_a_thread": "thread posting",
    "job_in_a_green_thread": "green thread process_apps._finish_when_told",
    "job_later": "a green thread",
    "job_in_a_pool": "green thread process_apps._finish_when_told",
    "job_in_an_executor": None,
    "job_in_a_process": "process posting ",
}


@contextlib.contextmanager
def running(framework: str = "django", **settings: Any) -> Iterator[Worker]:
    one = start(framework, **settings)
    try:
        yield one
    finally:
        one.stop()


@pytest.mark.parametrize("framework", ["django", "pecan"])
def test_the_drain_waits_for_what_goes_on_after_the_response(framework: str, tmp_path: Path) -> None:
    with running(framework) as one:
        for name in JOBS:
            assert ask(one, f"{name}?{tmp_path / name}") == "begun"
        one.terminate()
        until(lambda: '"event": "drain_jobs"' in one.words(), "the log names them")
        for named in filter(None, JOBS.values()):
            assert named in one.words()
        assert ask_state(one) == "draining"
        for name in JOBS:
            (tmp_path / f"{name}.go").touch()
        assert one.wait() == 0, one.words()
        assert all((tmp_path / name).exists() for name in JOBS)


def ask_state(one: Worker) -> Any:
    return one.stats()["state"]


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_is_cut_is_told(name: str, tmp_path: Path) -> None:
    with running(drain_timeout=0.5, drain_first_byte_grace=0.1) as one:
        ask(one, f"{name}?{tmp_path / name}")
        one.terminate()
        assert one.wait() == 1
        [line] = [line for line in one.words().splitlines() if '"drain_cut"' in line]
        assert (JOBS[name] or "tasks of executors").removeprefix("a ") in line
        assert not (tmp_path / name).exists()


def test_what_waits_for_ever_and_is_no_job_holds_no_drain() -> None:
    with running(drain_timeout=600) as one:
        ask(one, "idle_helpers")
        one.terminate()
        assert one.wait() == 0
        assert "drain_jobs" not in one.words()


@pytest.mark.parametrize("framework", ["django", "pecan"])
def test_processes_end_with_the_drain_and_not_before(framework: str) -> None:
    with running(framework, children_timeout=0.3, drain_first_byte_grace=5) as one:
        children = [int(ask(one, name)) for name in ("long_command", "long_child", "stubborn_command")]
        with one.client() as needing, one.client() as other:
            other.ask(page(""))
            requests = one.stats()["requests"]
            needing.send(page("needs_its_command"))
            until(lambda: one.stats()["requests"] == requests + 1, "the request is in flight")
            one.terminate()
            until(lambda: ask_state(one) == "draining", "the drain has begun")
            assert all(map(alive, children))
            other.ask(page("release"))
            answer = needing.answer()
            assert answer is not None
            assert answer.body == b"from the child"
        assert one.wait() == 0
        assert not any(map(alive, children))
        [line] = [line for line in one.words().splitlines() if '"event": "children"' in line]
        ended, killed = line.split('"killed"')
        assert f"{children[0]} (sleep 600)" in ended
        assert f"{children[2]} (sh -c" in killed


def test_processes_live_on_if_the_setting_says_so() -> None:
    with running(children="leave") as one:
        child = int(ask(one, "long_command"))
        one.terminate()
        assert one.wait() == 0
        assert alive(child)
        assert f"{child} (sleep 600)" in one.words()
        found = family.orphans("mooring: no such ", {"MOORING_RUN_DIR": str(one.folder)})
        assert [each.pid for each in found] == [child]
        os.kill(child, signal.SIGKILL)


def test_what_a_killed_worker_left_ends_before_its_successor_starts() -> None:
    with running() as one:
        children = [int(ask(one, name)) for name in ("long_command", "long_child")]
        one.process.kill()
        one.process.wait()
        assert all(map(alive, children))
        one.start(start_new_session=True)
        assert not any(map(alive, children))


COMPANION = """
import subprocess, sys, time
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
while True:
    time.sleep(600)
"""


def test_a_companions_processes_end_with_it_and_those_of_a_killed_one_before_the_next(folder: Path) -> None:
    (folder / "clerk.py").write_text(COMPANION)
    environ = {
        "PYTHONPATH": f"{SOURCES}:{folder}",
        "MOORING_INSTANCE": folder.name,
        "MOORING_COMPANION": "c",
    }

    def begin() -> tuple[subprocess.Popen[bytes], int]:
        command = [sys.executable, "-m", "mooring.companion", "clerk"]
        process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        assert process.stdout is not None
        with process.stdout as said:
            return process, int(said.readline())

    killed, orphan = begin()
    killed.kill()
    killed.wait(DEADLINE)
    assert alive(orphan)
    companion, child = begin()
    assert not alive(orphan)
    assert alive(child)
    companion.terminate()
    assert companion.wait(DEADLINE) == 128 + signal.SIGTERM
    assert not alive(child)
