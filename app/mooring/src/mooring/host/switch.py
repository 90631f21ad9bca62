"""A switch: the other generation starts beside the live one, proves itself, is named live; then the old one drains.

What comes before live.json names the new generation has changed nothing that serves, and a refusal takes it back. What comes
after can be done again by any later command, since `reconcile` brings the processes to what the file says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from mooring.host import live, releases
from mooring.host.answer import answer_through_port
from mooring.host.errors import HostError
from mooring.host.files import WrongFileError
from mooring.host.gate import Expected, Progress, Timeouts, gate, wait_process
from mooring.host.instance import Instance
from mooring.host.lastwords import Marks
from mooring.host.live import NOTHING, Live
from mooring.host.place import digest, drop, name_live, put
from mooring.host.reconcile import reconcile
from mooring.host.server import Server
from mooring.host.state import State, find, repair, why_switch
from mooring.host.survey import serving, survey
from mooring.host.update import remove, reread_if_possible, update

COMPANION_TIMEOUT = 60.0
"""Seconds for a companion to stay up for its startsecs."""


def switch(  # noqa: PLR0913 - what, from what, and for how long
    instance: Instance,
    release: str,
    timeouts: Timeouts,
    progress: Progress,
    *,
    damaged: Sequence[str] = (),
    keep: int = 0,
) -> dict[str, Any]:
    """Have this release serve, and no other; the caller holds the lock. HostError: the text says what serves then.

    A rollback never goes back to one of the `damaged` releases. Afterwards `keep` releases stay (0: all).
    """
    state = find(instance, timeouts.gate)
    notes = repair(instance, state)
    for note in notes:
        progress(note)
    why = why_switch(instance, state, release)
    if why:
        manifest = _manifest(instance, release)
        colour = state.live.idle
        progress(f"switching to release {release} ({colour}): {why}")
        with _taken_back(instance, release, colour, timeouts, progress):
            if state.live == NOTHING:
                with _step("Start the bootstrap"):
                    start_bootstrap(instance, release, timeouts, progress)
            with _step("Start the other generation"):
                marks = start_generation(instance, release, colour, timeouts, progress)
            with _step("Wait at the gate until every new worker is ready"):
                expected = Expected(instance.group(colour), release, manifest["workers"], marks=marks)
                gate(Server.of(instance), instance.run_dir, expected, timeouts.gate, progress)
            with _step("Name the new generation live"):
                name(instance, release, colour, damaged)
    with _said_what_serves(instance), _step("Bring the processes to what is live"):
        reconciled = reconcile(instance, release, timeouts, progress)
    check_what_serves(instance, release, reconciled["manifest"], progress)
    pruned: list[str] = []
    if why and keep:
        with _said_what_serves(instance), _step("Prune old releases"):
            pruned = releases.prune(instance.home, keep)
    return {
        "changed": bool(notes or why or pruned or reconciled["changed"]),
        "switched": state.live.release != release,
        "why": why,
        "notes": notes,
        "before": asdict(state.live),
        "live": reconciled["live"],
        "manifest": reconciled["manifest"],
        "pruned": pruned,
    }


def check_what_serves(instance: Instance, release: str, manifest: dict[str, Any], progress: Progress) -> None:
    """Check that the API answers through the port, and that the companions stay up. HostError, with what serves."""
    with _said_what_serves(instance):
        with _step("Verify the API's answer through the port"):
            answer_through_port(manifest)
        with _step("Verify the companions"):
            wait_for_companions(instance, release, manifest, progress)


class StepError(HostError):
    """A step has failed; `step` names it."""

    def __init__(self, step: str, reason: HostError) -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason = step, str(reason)


@contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except HostError as error:
        raise StepError(name, error) from error


@contextmanager
def _taken_back(
    instance: Instance, release: str, colour: str, timeouts: Timeouts, progress: Progress
) -> Iterator[None]:
    """Take a generation back that has not proved itself: what was started for it goes, what served goes on serving."""
    try:
        yield
    except StepError as error:
        try:
            back = take_back(instance, colour, timeouts.drain, progress)
        except HostError as another:  # nothing may hide the refusal itself
            back = {"problems": [str(another)], "serving": serving(instance)}
        lines = [
            f"Release {release} is refused: {error.step}.",
            error.reason,
            *back["problems"],
            back["serving"],
        ]
        raise HostError("\n".join([*lines, "Fix the cause and run the same command again."])) from error


@contextmanager
def _said_what_serves(instance: Instance) -> Iterator[None]:
    try:
        yield
    except HostError as error:
        raise HostError(f"{error}\n{serving(instance)}") from error


def _manifest(instance: Instance, release: str) -> dict[str, Any]:
    try:
        return live.manifest(instance.home, release)
    except WrongFileError as error:
        raise HostError(
            f"{error}. Release {release} is damaged: a deploy builds it again, a rollback can take another one."
            f" {serving(instance)}"
        ) from error


def plan(instance: Instance, wanted: str, timeout: float, *, repairs: bool) -> dict[str, Any]:
    """Say what is live and what the release that is wanted ("": the live one) needs; with `repairs` the state file is repaired.

    Without, nothing is changed. HostError.
    """
    state = find(instance, timeout)
    notes = repair(instance, state) if repairs else [f"{state.doubt}."] if state.doubt else []
    return planned(instance, state, wanted, notes, repaired=bool(notes) and repairs)


def planned(
    instance: Instance, state: State, wanted: str, notes: list[str], *, repaired: bool
) -> dict[str, Any]:
    """Tell what a switch to the release that is wanted would start from."""
    release = wanted or state.live.release
    manifest, lacking = None, ""
    try:
        manifest = live.manifest(instance.home, release) if release else None
    except WrongFileError as error:
        lacking = str(error)
    return {
        "live": asdict(state.live),
        "wanted": wanted,
        "idle": state.live.idle,
        "switch": why_switch(instance, state, release),
        "repaired": repaired,
        "notes": notes,
        "manifest": manifest,
        "lacking": lacking,
        "serving": serving(instance),
    }


def start_bootstrap(instance: Instance, release: str, timeouts: Timeouts, progress: Progress) -> None:
    """Start the bootstrap, where nothing runs yet, and wait until it has checked all. HostError."""
    server, group = Server.of(instance), instance.group("bootstrap")
    put(instance.release(release) / "bootstrap.conf", instance.program_file(group))
    done = update(server, [group], timeouts.drain, progress, fresh=True)
    wait_process(server, instance.run_dir, group, timeouts.gate, progress, Marks.from_json(done["marks"]))


def start_generation(
    instance: Instance, release: str, colour: str, timeouts: Timeouts, progress: Progress
) -> Marks:
    """Start the generation of that colour beside the live one; return where the logs ended before. HostError.

    What an earlier run has left of it, stopped or in a drain, is replaced.
    """
    group = instance.group(colour)
    put(instance.release(release) / f"{colour}.conf", instance.program_file(group))
    done = update(Server.of(instance), [group], timeouts.drain, progress, fresh=True)
    return Marks.from_json(done["marks"])


def name(instance: Instance, release: str, colour: str, damaged: Sequence[str]) -> dict[str, Any]:
    """Name a generation that has passed the gate live. HostError; then the old one is still named.

    A rollback never goes back to one of the `damaged` releases.
    """
    before = _before(instance)
    previous = before.previous if before.release in (release, *damaged) else before.release
    program = digest(instance.release(release) / f"{colour}.conf")
    named = Live(colour, release, previous, live.built(instance.home, release), program)
    name_live(instance, named)
    return asdict(named)


def _before(instance: Instance) -> Live:
    try:
        return live.read(instance.home)
    except WrongFileError:
        return NOTHING


def take_back(instance: Instance, colour: str, timeout: float, progress: Progress) -> dict[str, Any]:
    """Remove a generation that was refused, and the bootstrap when nothing is live and no other generation is there.

    One that the state file names stays. What cannot be removed is told and does not keep the rest: the refusal is what
    the user has to read. `timeout` in seconds.
    """
    problems: list[str] = []
    removed: list[str] = []
    named = _before(instance)
    if named.colour == colour:
        problems.append(f"{live.path_of(instance.home)} names {colour} live: it stays")
    else:
        groups = [instance.group(colour)]
        try:
            if named == NOTHING and all(each.colour == colour for each in survey(instance)):
                groups.append(instance.group("bootstrap"))
            problems += [line for group in groups for line in _dropped(instance, group)]
            server = Server.of(instance)
            reread_if_possible(server, progress)
            removed = remove(server, groups, timeout, progress)
        except HostError as error:
            problems.append(str(error))
    return {"removed": removed, "problems": problems, "serving": serving(instance)}


def _dropped(instance: Instance, group: str) -> list[str]:
    """Remove a group's program file; return why it could not be."""
    try:
        drop(instance.program_file(group))
    except HostError as error:
        return [str(error)]
    return []


def wait_for_companions(
    instance: Instance, release: str, manifest: dict[str, Any], progress: Progress
) -> None:
    """Wait until each companion stays up: they have no status socket to be asked by. HostError tells of all that do not."""
    lacking = []
    for companion in manifest.get("companions", {}):
        try:
            wait_process(
                Server.of(instance), None, instance.group(companion), COMPANION_TIMEOUT, lambda _: None
            )
        except HostError as error:  # noqa: PERF203 - a few
            lacking.append(str(error))
    if lacking:
        raise HostError(
            "\n".join(
                [
                    f"Release {release} is live, but not all of its companions run:",
                    *lacking,
                    "Fix the cause (`companions` in the inventory says how they are started) and run the same command again.",
                ]
            )
        )
    if manifest.get("companions"):
        progress(f"companions stay up: {', '.join(manifest['companions'])}")
