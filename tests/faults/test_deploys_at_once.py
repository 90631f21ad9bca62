"""Two deploys of one instance at the same moment: exactly one goes on, the other is refused and harms nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from mooring.host import lock
from support.faults import assert_not_mixed, harmless
from support.load.stage import Stage
from support.places import REPOSITORY

ROUNDS = 20
WHOLE = int(os.environ.get("FAULTS_WHOLE_DEPLOYS", "1"))
"""Pairs of whole deploys; the race for the lock itself is run ROUNDS times."""
FOLDER = Path(__file__).parent


def test_of_two_deploys_at_once_exactly_one_goes_on(stage: Stage) -> None:
    for number in range(WHOLE):
        with harmless(stage, f"two deploys at once ({number + 1})"):
            _two_at_once(stage, 3 - number % 2)
        assert_not_mixed(stage)
        assert len(stage.workers()) == 3 - number % 2
    stage.deploy()


def _two_at_once(stage: Stage, workers: int) -> None:
    """Start two; the one that has the lock is held there until the other has ended, and then goes on."""
    both = [stage.start("deploy.yml", workers=workers) for _ in range(2)]
    output = ["", ""]
    readers = [
        threading.Thread(target=_read, args=(process, place, output)) for place, process in enumerate(both)
    ]
    for reader in readers:
        reader.start()
    pids = [process.pid for process in both]
    try:
        stage.until(lambda: _holder(stage) in pids or None not in [process.poll() for process in both], 300)
        assert _holder(stage) in pids, output
        winner = pids.index(_holder(stage))
        os.killpg(both[winner].pid, signal.SIGSTOP)
        assert both[1 - winner].wait(timeout=300) == 2, output[1 - winner]
        assert _holder(stage) == pids[winner], "the other one has left it its lock"
        os.killpg(both[winner].pid, signal.SIGCONT)
        assert both[winner].wait(timeout=300) == 0, output[winner]
    finally:
        for process in both:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        for reader in readers:
            reader.join()
    assert "is being deployed by" in output[1 - winner]


def _holder(stage: Stage) -> int:
    """Return the process of the run that has the lock between its commands; 0 for none."""
    try:
        return int(json.loads((stage.home / "lock").read_text())["process"])
    except ValueError:  # empty, or about to be written
        return 0


def _read(process: subprocess.Popen[str], place: int, output: list[str]) -> None:
    assert process.stdout
    with process.stdout:
        for line in process.stdout:
            output[place] += line


def test_of_two_that_take_the_lock_at_the_same_moment_exactly_one_has_it(stage: Stage) -> None:
    """The tasks of a deploy that take and release the lock, in two playbooks that race for it.

    Before every other round the lock is that of a deploy that has died, which both of them may take over.
    """
    home = stage.root.parent / "raced"
    path = home / "instances/raced/lock"
    home.mkdir()
    with subprocess.Popen(["sleep", "60"]) as dead:
        left_by_one_that_died = json.dumps(lock.record(dead.pid))
        dead.kill()
    with harmless(stage, f"two that take the lock, {ROUNDS} times"), _Meeting(home / "meeting") as meeting:
        racers = [_racer(home, name, meeting.path) for name in ("one", "other")]
        try:
            for number in range(ROUNDS):
                left = meeting.both_say(
                    lambda: number % 2 and path.write_text(left_by_one_that_died)  # noqa: B023
                )
                assert left == {"one start", "other start"}
                verdicts = meeting.both_say()
                assert sorted(verdict.split()[1] for verdict in verdicts) == ["refused", "taken"], verdicts
            for racer in racers:
                output, _ = racer.communicate(timeout=120)
                assert racer.returncode == 0, output
        except TimeoutError:
            raise AssertionError("one does not come:\n" + "\n".join(map(_ended, racers))) from None
        finally:
            for racer in racers:
                if racer.poll() is None:
                    os.killpg(racer.pid, signal.SIGKILL)
                    racer.communicate()
    assert path.read_text() == ""


def _ended(racer: subprocess.Popen[str]) -> str:
    os.killpg(racer.pid, signal.SIGKILL)
    return racer.communicate()[0]


def _racer(home: Path, name: str, meeting: Path) -> subprocess.Popen[str]:
    words = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local"]
    words += [
        str(FOLDER / "lock_rounds.yml"),
        "-e",
        f"rounds={ROUNDS}",
        "-e",
        f"instance_home={home}/instances/raced",
    ]
    words += ["-e", "instance_name=raced", "-e", f"instance_user={os.geteuid()}"]
    words += ["-e", f"instance_mark={home}/.mooring", "-e", f"instance_root={home}"]
    words += ["-e", f"ansible_python_interpreter={sys.executable}"]
    words += ["-e", f'{{"meet": ["{sys.executable}", "{FOLDER}/meet.py", "{meeting}", "{name}"]}}']
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.Popen(
        words,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


class _Meeting:
    """Where two come to and wait for one another: each says a line, and goes on when both have."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.settimeout(120)

    def __enter__(self) -> _Meeting:
        self._listener.bind(str(self.path))
        self._listener.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.path.unlink()

    def both_say(self, meanwhile=lambda: None) -> set[str]:  # type: ignore[no-untyped-def]
        """Wait for both, do something, let them go on; what they have said."""
        guests = [self._listener.accept()[0] for _ in range(2)]
        said = {guest.makefile().readline().strip() for guest in guests}
        meanwhile()
        for guest in guests:
            guest.sendall(b"!")
            guest.close()
        return said
