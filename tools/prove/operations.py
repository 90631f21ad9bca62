"""What operators do to an instance, each with the check that it was done: for the proof, for tests/load and tests/faults.

An operation takes an `Operator`, does one thing as an operator does it, and raises OperationError when what it has left is not
what it must leave. It says nothing of requests: whoever calls it has the load.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from prove.errors import OperationError
from prove.state import State

# Playbooks, by their names in the collection and in playbooks/
DEPLOY: Final = "deploy"
ROLLBACK: Final = "rollback"
RESTART: Final = "restart"

READY_WITHIN: Final = 120.0
"""Seconds that processes have to be new and ready again when supervisorctl has restarted them."""
_POLL: Final = 0.2
_LINES: Final = 40
_REFUSED: Final = 2
"""The exit status of a playbook in which a host has failed."""


@dataclass(frozen=True)
class Played:
    """What has become of a playbook."""

    status: int
    output: str


class Operator(Protocol):
    """Who does it, and where: `prove.deployment.Deployment`, and the tests' own deployments."""

    @property
    def instance(self) -> str:
        """The instance's name."""

    def play(self, playbook: str, **changes: Any) -> Played:
        """Run a playbook (`DEPLOY`, …) to its end, with some of the site's variables changed for this run."""

    def supervisorctl(self, *words: str) -> str:
        """Run supervisorctl; what it has written."""

    def look(self) -> State:
        """Return what runs now."""


Act = Callable[[Operator], None]


@dataclass(frozen=True)
class Operation:
    """One operation, by the name that reports and `prove_skip` have."""

    name: str
    act: Act


# --- releases ------------------------------------------------------------------------------------------------


def deploy(operator: Operator, **changes: Any) -> State:
    """Deploy; what runs then. OperationError when the deploy fails, or leaves something that is not ready."""
    played(operator, DEPLOY, **changes)
    state = operator.look()
    _must(state.ready, "every process is ready", state)
    return state


def played(operator: Operator, playbook: str, **changes: Any) -> str:
    """Run a playbook that must succeed; its output."""
    done = operator.play(playbook, **changes)
    if done.status:
        raise OperationError(f"{playbook}.yml should have succeeded; {_ended(done)}")
    return done.output


def new_release(**changes: Any) -> Act:
    """Deploy with variables that make another release."""

    def act(operator: Operator) -> None:
        before = operator.look()
        after = deploy(operator, **changes)
        _must(after.release != before.release, "another release is live", after)
        _must(after.previous == before.release, f"rollback leads to {before.release}", after)
        _must(not _kept(before, after), "all workers are new", after)

    return act


def rollback(operator: Operator) -> None:
    """Go back to the release before."""
    before = operator.look()
    played(operator, ROLLBACK)
    after = operator.look()
    _must(after.ready and after.release == before.previous, f"{before.previous} is live", after)


def scale(workers: int) -> Act:
    """Deploy with so many workers."""

    def act(operator: Operator) -> None:
        after = deploy(operator, workers=workers)
        _must(len(after.workers) == workers, f"{workers} workers run", after)

    return act


def switch_to(framework: str) -> Act:
    """Deploy the entry point of the other framework."""

    def act(operator: Operator) -> None:
        after = deploy(operator, web_framework=framework)
        _must(after.framework == framework, f"{framework} is live", after)

    return act


def refused(words: str = "", **changes: Any) -> Act:
    """Deploy a release that cannot serve: it must be refused, with `words`, and what serves must not be touched."""

    def act(operator: Operator) -> None:
        before = operator.look()
        done = operator.play(DEPLOY, **changes)
        said = " ".join(done.output.split())
        serves = f"What serves now: release {before.release} ({before.generation}): "
        if missing := [each for each in (serves, words) if each not in said]:
            raise OperationError(f"{DEPLOY}.yml should have said {missing}; {_ended(done)}")
        if done.status != _REFUSED:
            raise OperationError(f"{DEPLOY}.yml should have refused the release; {_ended(done)}")
        after = operator.look()
        _must(
            (after.pids, after.release, after.previous) == (before.pids, before.release, before.previous),
            f"the same processes of release {before.release} run as before",
            after,
        )

    return act


# --- processes -----------------------------------------------------------------------------------------------


def rolling_restart(operator: Operator) -> None:
    """Restart the workers one after the other."""
    before = operator.look()
    played(operator, RESTART)
    _replaced(operator, before, before.worker_pids)


def restart_of_all_workers(operator: Operator) -> None:
    """Restart all workers at once."""
    before = operator.look()
    operator.supervisorctl("restart", f"{before.group}:*")
    _replaced(operator, before, before.worker_pids)


def restart_of_the_bootstrap(operator: Operator) -> None:
    """Restart the process that holds the socket."""
    before, name = operator.look(), f"{operator.instance}-bootstrap"
    operator.supervisorctl("restart", name)
    _replaced(operator, before, {name})


def reload(operator: Operator) -> None:
    """Have supervisord read its configuration again: it ends and starts all processes."""
    before = operator.look()
    operator.supervisorctl("reload")
    _replaced(operator, before, before.pids)


def _replaced(operator: Operator, before: State, names: Any) -> None:
    """Wait until the same processes are ready, of which those of these names, and no others, have another pid."""
    wanted = set(names)

    def done() -> bool:
        try:
            after = operator.look()
        except OperationError:
            return False  # supervisord does not answer while it reloads
        changed = {name for name, pid in after.pids.items() if pid != before.pids.get(name)}
        return after.ready and after.pids.keys() == before.pids.keys() and changed == wanted

    until(
        done,
        READY_WITHIN,
        f"{', '.join(sorted(wanted))} should be new and ready, and all others the same",
        operator,
    )


def until(condition: Callable[[], bool], seconds: float, what: str, operator: Operator) -> None:
    """Wait for a condition. OperationError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise OperationError(f"{what}; after {seconds:g} s there is {operator.look()}")
        time.sleep(_POLL)


def _kept(before: State, after: State) -> set[int]:
    return set(before.worker_pids.values()) & set(after.worker_pids.values())


def _must(condition: bool, what: str, state: State) -> None:
    if not condition:
        raise OperationError(f"{what}: this should hold, and there is {state}")


def _ended(done: Played) -> str:
    last = "\n".join(done.output.splitlines()[-_LINES:])
    return f"it ended with status {done.status}, and its last lines are:\n{last}"


# --- the proof's own -----------------------------------------------------------------------------------------


def of_a_site(
    *,
    workers: int,
    framework: str,
    wsgi_apps: Mapping[str, str],
    environment: Mapping[str, str],
    hang: int,
) -> list[Operation]:
    """List the operations for a site of these variables, in their order. `hang`: seconds of the release that hangs."""
    sizes = [workers * 2, 1, *([workers] if workers != 1 else [])]
    others = [name for name in ("django", "pecan") if name in wsgi_apps and name != framework][:1]

    def entry(point: str, **changes: Any) -> Act:
        # An entry point of Python's own modules: any application can be broken so by the inventory alone.
        return refused(wsgi_apps={**wsgi_apps, framework: point}, **changes)

    return [
        Operation(
            "a new release (a changed setting)", new_release(app_environment={**environment, "PROOF": "1"})
        ),
        Operation("rollback", rollback),
        *(Operation(f"scale to {size}", scale(size)) for size in sizes),
        *(Operation(f"switch to {name}", switch_to(name)) for other in others for name in (other, framework)),
        Operation("rolling restart", rolling_restart),
        Operation("supervisorctl restart of all workers", restart_of_all_workers),
        Operation("restart of the bootstrap", restart_of_the_bootstrap),
        Operation("supervisorctl reload", reload),
        Operation("refused: import error", entry("asyncio.windows_events:application")),
        Operation("refused: missing dependency", entry("a_package_that_nobody_has_installed:application")),
        Operation("refused: hangs at start", entry("signal:pause()", gate_timeout=hang)),
        Operation("refused: ends at start", entry("sys:exit()")),
        Operation("refused: wrong smoke answer", refused(smoke_status=299)),
    ]
