"""The protocol of a deploy as a state machine: two operators, crashes at any step, and a simulated supervisord.

It drives the commands of `mooring.host` themselves. At every moment some worker is ready, no two operators change the instance at
once, and live.json can be read; a command that nobody interrupts does what it says at the first try, whatever was left by those
before it. Each mutant below is such a command with one rule of the protocol taken away: the model must find each.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mooring.host import errors, live, lock, operations, restart, switch
from mooring.host.instance import Root
from mooring.host.live import Live
from support.fuzzing import NAME
from support.simulated import WORKERS, Killed, Simulation, Violation, build

RELEASES = ("r1", "r2", "r3")
BROKEN = "broken"
GATE, DRAIN_TIMEOUT = 5.0, 5.0
COMMANDS = ("same", "other", "broken", "rollback", "restart", "reconcile")
MODEL = settings(
    settings.get_profile("default" if NAME == "default" else NAME),
    max_examples=100 if NAME == "default" else 2000,
    stateful_step_count=8,
    deadline=None,
    derandomize=NAME == "default",
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
)


def kill() -> None:
    raise Killed


def silent(_: str) -> None:
    pass


class Host(RuleBasedStateMachine):
    """One instance, two operators: one by hand, and one who runs playbooks, with a record in the lock."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="mooring-model-"))
        self.root = self.folder / "root"
        self.instance = Root(self.root).instance("api")
        for path in (self.instance.conf_dir, self.instance.run_dir, self.instance.releases):
            path.mkdir(parents=True)
        for release in (*RELEASES, BROKEN):
            build(self.instance, release)
        self.host = Simulation(self.instance)
        self.host.broken.add(BROKEN)
        self.run = 0
        """The process of the playbook that runs; 0: none does."""
        self.runs = 0
        self.holder: dict[str, Any] = {}
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self.host.installed())

    # --- commands

    def _live(self) -> Live:
        return live.read(self.instance.home)

    def _command(self, name: str, run: str) -> tuple[str, dict[str, Any]]:
        """Make a command, whose operator belongs to this run (""), and return what must be live then, and its answer."""
        more: dict[str, Any] = {
            "run": run,
            "gate_timeout": GATE,
            "drain_timeout": DRAIN_TIMEOUT,
            "check": False,
        }
        named = self._live()
        others = [each for each in RELEASES if each != named.release]
        if name in ("same", "other", "broken"):
            release = {"same": named.release, "other": others[0], "broken": BROKEN}[name]
            done = operations.switch(self.root, "api", release, progress=silent, **more)
            return release, done
        wanted = named.previous if name == "rollback" else named.release
        return wanted, getattr(operations, name)(self.root, "api", progress=silent, **more)

    @contextlib.contextmanager
    def _operating(self, who: str) -> Iterator[None]:
        steps, self.host.steps = self.host.steps, 0
        self.host.inside.append(who)
        try:
            yield
        finally:
            self.host.inside.pop()
            self.host.waited = 0
            self.host.steps = steps

    def _intrude(self) -> None:
        """The other operator comes in the middle of a command: he waits for its end in vain, and is refused."""
        at, self.host.at = self.host.at, {}
        with self._operating("another"):
            try:
                self._command("other", "")
            except errors.LockedError:
                pass
            else:
                raise Violation("two operators change the instance at once")
        self.host.at = at

    def _do(self, name: str, by_playbook: bool, killed_at: int = 0, intruded_at: int = 0) -> None:
        if name == "rollback" and not self._live().previous:
            name = "restart"
        self.host.at = {}
        if intruded_at:
            self.host.at[intruded_at] = self._intrude
        if killed_at:
            self.host.at[killed_at] = kill
        run = self.holder["run"] if by_playbook else ""
        try:
            with self._operating("a playbook" if by_playbook else "by hand"):
                wanted, done = self._command(name, run)
        except Killed:
            if by_playbook:
                self._end_run(killed=True)
        except errors.LockedError:
            if by_playbook or not self.run:
                raise Violation("nobody has the lock, and it is refused") from None
        except errors.HostError as error:
            self._is_refused(name, error)
        else:
            if self.run and not by_playbook:
                raise Violation("a command by hand has changed the instance in the middle of a playbook")
            if name == "broken":
                raise Violation("a release that never becomes ready is live")
            if name == "restart" and len({each["pid"] for each in done["restarted"]}) != WORKERS:
                raise Violation("a restart has not restarted all")
            self._converged(wanted)
        self.host.at = {}

    def _is_refused(self, name: str, error: errors.HostError) -> None:
        if name != "broken":
            raise Violation(f"{name} is refused at the first try: {error}") from error
        if BROKEN in {self._live().release, *self._serving()}:
            raise Violation("a refused release is live") from error

    def _serving(self) -> set[str]:
        return {each.release for each in self.host.workers() if each.ready(self.host.now)}

    def _converged(self, release: str) -> None:
        named = self._live()
        if named.release != release:
            raise Violation(f"{named.release} is live, not {release}")
        groups = {self.instance.group("bootstrap"), self.instance.group(named.colour)}
        found = {path.stem for path in self.instance.conf_dir.iterdir()}
        if set(self.host.groups) != groups or found != groups:
            raise Violation(
                f"{sorted(self.host.groups)} run and {sorted(found)} are configured, not {sorted(groups)}"
            )
        up = [each for each in self.host.workers() if each.ready(self.host.now) and each.release == release]
        if len(up) != WORKERS:
            raise Violation(f"{len(up)} workers of {release} are ready")

    # --- what happens

    @initialize(killed_at=st.integers(0, 25))
    def first_deploy(self, killed_at: int) -> None:
        """The first deploy, and the same again when it was killed."""
        self.instance.lock.touch()
        self.host.at = {killed_at: kill} if killed_at else {}
        more: dict[str, Any] = {"gate_timeout": GATE, "drain_timeout": DRAIN_TIMEOUT, "check": False}
        for _ in range(2):
            with contextlib.suppress(Killed), self._operating("by hand"):
                operations.switch(self.root, "api", "r1", progress=silent, **more)
            self.host.at = {}
        self._converged("r1")

    @rule(
        name=st.sampled_from(COMMANDS),
        by_playbook=st.booleans(),
        killed_at=st.integers(0, 26),
        intruded_at=st.integers(0, 12),
    )
    def command(self, name: str, by_playbook: bool, killed_at: int, intruded_at: int) -> None:
        """A command, maybe killed, and maybe with another operator who comes in its middle."""
        self._do(
            name, by_playbook and bool(self.run), killed_at, intruded_at if intruded_at != killed_at else 0
        )

    @precondition(lambda self: not self.run)
    @rule()
    def begin_run(self) -> None:
        """A playbook begins: it takes the lock for several commands."""
        self.runs += 1
        self.run = (1 << 24) + self.runs
        self.holder = lock.record(self.run)
        lock.take(str(self.instance.lock), self.holder, check=False, progress=silent)

    @precondition(lambda self: self.run)
    @rule(killed=st.booleans())
    def end_run(self, killed: bool) -> None:
        """It ends, and gives the lock up; or is killed, and does not."""
        self._end_run(killed=killed)

    def _end_run(self, *, killed: bool) -> None:
        if killed:
            self.host.dead.add(self.run)
        elif not lock.release(str(self.instance.lock), self.holder["run"], progress=silent)["held"]:
            raise Violation("the lock of a run was taken from it")
        self.run = 0

    @rule(seconds=st.sampled_from((0.1, 0.5, 3.0)))
    def time_passes(self, seconds: float) -> None:
        self.host.sleep(seconds)

    def teardown(self) -> None:
        """At the end a reconcile brings all to what live.json says."""
        try:
            if self.host.served and not self.host.inside:
                self.host.at = {}
                if self.run:
                    self._end_run(killed=True)
                self._do("reconcile", by_playbook=False)
        finally:
            self._stack.close()
            shutil.rmtree(self.folder)


def explore(*, shrinks: bool = True) -> None:
    """Run the model; what it finds is raised, made small first if it shrinks."""
    phases = (Phase.generate, Phase.shrink) if shrinks else (Phase.generate,)
    umask = os.umask(0o022)
    try:
        run_state_machine_as_test(Host, settings=settings(MODEL, phases=phases))  # type: ignore[no-untyped-call]
    finally:
        os.umask(umask)


def test_the_protocol() -> None:
    explore()


def no_gate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(switch, "gate", lambda *_: [])


def restart_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(restart, "wait_process", lambda server, _, name, *__: server.process(name))


def nothing_is_reconciled(patch: pytest.MonkeyPatch) -> None:
    def skipped(instance: Any, *_: Any) -> dict[str, Any]:
        named = live.read(instance.home)
        return {"changed": False, "live": {"colour": named.colour}, "manifest": {}}

    patch.setattr(switch, "reconcile", skipped)


def no_lock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lock, "_taken", lambda path, *_: lock._opened(path))


def the_record_of_a_run_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lock.Lock, "enter", lambda *_: None)


def a_dead_run_keeps_the_lock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lock, "is_over", lambda _: False)


def the_live_colour_is_taken_for_the_idle_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Live, "idle", property(lambda self: self.colour or "blue"))


MUTANTS = [
    no_gate,
    restart_does_not_wait,
    nothing_is_reconciled,
    no_lock,
    the_record_of_a_run_is_ignored,
    a_dead_run_keeps_the_lock,
    the_live_colour_is_taken_for_the_idle_one,
]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_model_finds_a_mutant(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises((Violation, errors.HostError)):
        explore(shrinks=False)
