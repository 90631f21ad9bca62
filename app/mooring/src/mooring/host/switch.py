"""The steps of a switch: start the other generation, name it live when the gate has let it pass, or take it back.

What serves is not touched by any of them; the old generation drains in `reconcile`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mooring.host import live
from mooring.host.errors import ControlError
from mooring.host.files import WrongFileError
from mooring.host.gate import Progress
from mooring.host.instance import Instance
from mooring.host.live import NOTHING, Live
from mooring.host.place import digest, drop, name_live, put
from mooring.host.state import find, repair, why_switch
from mooring.host.survey import serving, survey
from mooring.host.update import remove, reread_if_possible


def plan(instance: Instance, wanted: str, timeout: float, *, repairs: bool) -> dict[str, Any]:
    """Say what is live and what the release that is wanted ("": the live one) needs; with `repairs` the state file is repaired.

    Without, nothing is changed. ControlError.
    """
    state = find(instance, timeout)
    notes = repair(instance, state) if repairs else [f"{state.doubt}."] if state.doubt else []
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
        "repaired": bool(notes) and repairs,
        "notes": notes,
        "manifest": manifest,
        "lacking": lacking,
        "serving": serving(instance),
    }


def install(instance: Instance, release: str, part: str) -> dict[str, Any]:
    """Put the program file of the bootstrap or of a colour in place, as the release has it. ControlError."""
    return {
        "changed": put(
            instance.release(release) / f"{part}.conf", instance.program_file(instance.group(part))
        )
    }


def name(instance: Instance, release: str, colour: str, damaged: list[str]) -> dict[str, Any]:
    """Name a generation that has passed the gate live. ControlError; then the old one is still named.

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
            reread_if_possible(instance.server, progress)
            removed = remove(instance.server, groups, timeout, progress)
        except ControlError as error:
            problems.append(str(error))
    return {"removed": removed, "problems": problems, "serving": serving(instance)}


def _dropped(instance: Instance, group: str) -> list[str]:
    """Remove a group's program file; return why it could not be."""
    try:
        drop(instance.program_file(group))
    except ControlError as error:
        return [str(error)]
    return []
