"""Which generation is live: what live.json says, checked against the processes, which have the last word.

What serves must go on to serve. So before anything is changed, supervisord and the workers are asked; a state file that is
lost, damaged, or names what does not run, is rebuilt from the generation that serves. Only when nothing serves, the file
alone decides; and with neither, nothing is live.
"""

from __future__ import annotations

from dataclasses import dataclass

from mooring import status_socket
from mooring.host import live
from mooring.host.errors import HostError
from mooring.host.files import WrongFileError
from mooring.host.instance import COLOURS, Instance
from mooring.host.live import NOTHING, Live
from mooring.host.place import digest, drop, name_live, own_files, put
from mooring.host.server import Server, SilentError, polling
from mooring.host.survey import Generation, ask_workers, survey
from mooring.host.update import changed_groups


@dataclass(frozen=True)
class State:
    """What is live, what the state file says, and why it is not believed ("": it is right)."""

    live: Live
    told: Live | None
    doubt: str
    generations: tuple[Generation, ...]
    answers: bool = True
    """Whether supervisord answers."""


def find(instance: Instance, timeout: float) -> State:
    """Find out what is live; changes nothing. `timeout`, in seconds, is for processes that are about to be ready.

    HostError when neither the file nor the processes can tell.
    """
    told, wrong = None, ""
    try:
        told = live.read(instance.home)
    except WrongFileError as error:
        wrong = str(error)
    generations: list[Generation] = []
    for left in polling(timeout):
        try:
            generations = survey(instance)
        except SilentError as error:
            return _without_supervisord(instance, told, wrong, error)
        if not left or not _undecided(told, generations):
            break
    if told is not None:
        named = next((each for each in generations if each.colour == told.colour), None)
        if not _contradicted(told, named, generations):
            return State(told, told, "", tuple(generations))
        wrong = (
            f"{live.path_of(instance.home)} names {told.colour} of release {told.release},"
            f" which {'runs another release' if named and named.ready else 'does not run'}"
        )
    return _from_processes(instance, told, wrong, generations)


def _undecided(told: Live | None, generations: list[Generation]) -> bool:
    """Tell whether waiting may change the answer: a process is about to be ready, and the answer hangs on it."""
    if told is None:
        return any(each.coming for each in generations)
    named = next((each for each in generations if each.colour == told.colour), None)
    others = any(each.ready for each in generations if each.colour != told.colour)
    return named is not None and not named.ready and named.coming and others


def _contradicted(told: Live, named: Generation | None, generations: list[Generation]) -> bool:
    """Tell whether something serves, and it is not what the file names."""
    if named is not None and (named.ready or named.running) and named.release in (told.release, ""):
        return False
    return any(each.ready for each in generations)


def _from_processes(
    instance: Instance, told: Live | None, wrong: str, generations: list[Generation]
) -> State:
    """Take the generation that serves for the live one; with none, one that is up though it does not answer."""
    candidates = [each for each in generations if each.ready] or [
        each for each in generations if each.running
    ]
    candidates = [each for each in candidates if each.release]
    first = "" if len(candidates) < 2 else _release_of_bootstrap(instance)
    best = min(
        candidates,
        key=lambda each: (len(each.ready) < len(each.workers), each.release != first, each.since),
        default=None,
    )
    if best is None:
        return State(NOTHING, told, wrong if _has_program_files(instance) else "", tuple(generations))
    previous = "" if told is None else told.previous if told.release == best.release else told.release
    if previous and not live.built(instance.home, previous):
        previous = ""
    found = Live(
        best.colour,
        best.release,
        previous,
        live.built(instance.home, best.release),
        digest(instance.release(best.release) / f"{best.colour}.conf"),
    )
    doubt = f"{wrong}. The processes were asked: {best.as_text}. It is taken for the live one"
    return State(found, told, doubt, tuple(generations))


def _has_program_files(instance: Instance) -> bool:
    """Tell whether a generation was live here: before the first deploy, and after a refused one, no file is missing."""
    return any(instance.program_file(instance.group(colour)).exists() for colour in COLOURS)


def _release_of_bootstrap(instance: Instance) -> str:
    """Return the release of the bootstrap: it is that of the live generation, but in the middle of a switch."""
    try:
        answer = status_socket.ask(
            status_socket.bootstrap_socket(instance.run_dir, instance.name), status_socket.READY, 2
        )
    except status_socket.NoAnswerError:
        return ""
    return str(answer.get("release", ""))


def _without_supervisord(instance: Instance, told: Live | None, wrong: str, error: SilentError) -> State:
    """Believe the file, for there is nobody else to ask; a file that is wrong helps only where nothing can run."""
    generations = tuple(ask_workers(instance))
    if told is not None:
        return State(told, told, "", generations, answers=False)
    if any(each.ready for each in generations):
        raise HostError(f"{wrong}, and {error}")
    return State(NOTHING, None, wrong if _has_program_files(instance) else "", generations, answers=False)


def repair(instance: Instance, state: State) -> list[str]:
    """Write what was found into the state file, and put the live generation's own program files back.

    No process is touched. Returns what was done, a sentence each. HostError when a file cannot be written.
    """
    done = []
    if state.doubt and state.live != NOTHING:
        name_live(instance, state.live)
        done.append(f"{state.doubt}; the file was written again.")
    elif state.doubt:
        done.append(f"{state.doubt}, and nothing of {instance.name} runs: this is like a first deploy.")
    if state.live != NOTHING and not damage(instance, state.live):
        own = own_files(instance, state.live.release, state.live.colour)
        done += [
            f"{instance.program_file(group)} was not the release's own: it was put back."
            for group, source in own.items()
            if put(source, instance.program_file(group))
        ]
    if not state.answers:  # the other program files may be all that is known of what served
        return done
    active = {process.group for process in Server.of(instance).processes()}
    for group in (instance.group(colour) for colour in COLOURS if colour != state.live.colour):
        path = instance.program_file(group)
        if group not in active and (path.exists() or path.is_symlink()):
            drop(path)
            done.append(f"{path} was left by a deploy that did not end: it was removed.")
    return done


def damage(instance: Instance, named: Live) -> list[str]:
    """Tell what is wrong with the release that is live, in its folder: a sentence each; [] when it is as it was gated."""
    found = []
    try:
        live.manifest(instance.home, named.release)
    except WrongFileError as error:
        found.append(str(error))
    own = own_files(instance, named.release, named.colour).values()
    found += [f"{path} is missing or cannot be read" for path in own if not digest(path)]
    program = instance.release(named.release) / f"{named.colour}.conf"
    if named.program and digest(program) not in ("", named.program):
        found.append(f"{program} is not what has passed the gate")
    return found


def why_switch(instance: Instance, state: State, wanted: str) -> str:
    """Tell why the release that is wanted needs a switch; "" when it is live, and as it has passed the gate.

    A release that was built again, or whose program file in use is another, gets a switch as well: nothing that has not
    passed the gate comes to serve by a restart.
    """
    named = state.live
    if named == NOTHING:
        return "nothing is live"
    if named.release != wanted:
        return f"release {named.release} is live"
    if wrong := damage(instance, named):
        return wrong[0]
    if named.built and named.built != live.built(instance.home, named.release):
        return f"release {named.release} was built again since it passed the gate"
    if state.answers and instance.group(named.colour) in changed_groups(Server.of(instance)):
        return f"{instance.group(named.colour)} runs with another program file than the release's"
    return ""
