"""`reconcile`: bring supervisord to what is live, whatever an interrupted run has left.

Afterwards there are the bootstrap, the companions and the live generation with the program files of the live release, all
ready, and everything else of the instance has drained. The order keeps what serves: the live generation is ready before any
other goes, and it is never replaced, since it would come up without a gate. Safe to run at any time, and again.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from supervisor.xmlrpc import Faults

from mooring.host import live
from mooring.host.errors import HostError
from mooring.host.files import WrongFileError
from mooring.host.gate import Expected, Progress, gate, wait_process
from mooring.host.instance import Instance
from mooring.host.lastwords import Marks
from mooring.host.live import NOTHING
from mooring.host.place import digest, drop, drop_drafts, own_files, put
from mooring.host.server import FaultError, Server, polling
from mooring.host.state import damage, find, repair
from mooring.host.update import changed_groups, remove, update


def reconcile(
    instance: Instance, wanted: str, timeouts: tuple[float, float], progress: Progress
) -> dict[str, Any]:
    """Reconcile the instance; `timeouts` are those of the gate and of a drain, in seconds.

    `wanted` is the release that must be live, "" for any. Returns whether anything was changed, what is live, and what went
    into the live release. HostError.
    """
    gate_timeout, drain_timeout = timeouts
    state = find(instance, gate_timeout)
    repaired = repair(instance, state)
    for line in repaired:
        progress(line)
    if state.live == NOTHING:
        raise HostError(f"Nothing is live in {instance.home}: deploy first")
    if wanted not in ("", state.live.release):
        raise HostError(
            f"Release {wanted} is not live any more, release {state.live.release} is: deploy again"
        )
    try:
        manifest = live.manifest(instance.home, state.live.release)
    except WrongFileError as error:
        raise HostError(f"{error}, and that release is live: deploy again, which builds it again") from error
    server, serving = Server.of(instance), instance.group(state.live.colour)
    own = own_files(instance, state.live.release, state.live.colour)
    doomed = [group for group in _groups(instance) if group not in own]
    written = [put(source, instance.program_file(group)) for group, source in own.items()]
    dropped = [drop(instance.program_file(group)) for group in doomed]
    drop_drafts(instance)
    if serving in changed_groups(server):
        raise HostError(
            f"{serving} runs with another program file than release {state.live.release} has. It serves on as it is:"
            " deploy again, which starts the release beside it and lets it pass the gate"
        )
    done = update(server, list(own), drain_timeout, progress)
    marks = Marks.from_json(done.pop("marks"))
    started = _start_stopped(server, list(own), drain_timeout, progress)
    wait_process(server, instance.run_dir, instance.group("bootstrap"), gate_timeout, progress, marks)
    expected = Expected(serving, state.live.release, manifest["workers"], proved=True, marks=marks)
    gate(server, instance.run_dir, expected, gate_timeout, progress)
    removed = remove(server, doomed, drain_timeout, progress)
    return {
        **done,
        "removed": removed,
        "changed": done["changed"] or any(written + dropped) or bool(started or removed or repaired),
        "live": {"colour": state.live.colour, "release": state.live.release, "previous": state.live.previous},
        "manifest": manifest,
    }


def preview(instance: Instance, wanted: str, timeout: float) -> dict[str, Any]:
    """Tell what `reconcile` would start from and do, a sentence each in `would`; changes nothing. HostError.

    It is what can be seen now: a reconcile looks at each step again.
    """
    state = find(instance, timeout)
    if state.live == NOTHING:
        raise HostError(f"Nothing is live in {instance.home}: deploy first")
    if wanted not in ("", state.live.release):
        raise HostError(
            f"Release {wanted} is not live any more, release {state.live.release} is: deploy again"
        )
    if wrong := damage(instance, state.live):
        raise HostError(f"{wrong[0]}, and that release is live: deploy again, which builds it again")
    own = own_files(instance, state.live.release, state.live.colour)
    would = [f"{state.doubt}: {live.path_of(instance.home)} is written again"] if state.doubt else []
    would += [
        f"{instance.program_file(group)} is put back, as the release has it"
        for group, source in own.items()
        if digest(source) != digest(instance.program_file(group))
    ]
    processes = Server.of(instance).processes()  # SilentError: a reconcile could not do anything either
    would += [f"{group} drains and goes" for group in _groups(instance) if group not in own]
    would += [f"{group} is added" for group in own if group not in {each.group for each in processes}]
    would += [
        f"{each.full_name} is started"
        for each in processes
        if each.group in own and each.state in ("STOPPED", "FATAL")
    ]
    return {"changed": bool(would), "would": would, "live": asdict(state.live)}


def _groups(instance: Instance) -> list[str]:
    """List the instance's groups, by program files and by what runs: an interrupted run may have left either alone."""
    own = instance.groups
    running = {process.group for process in Server.of(instance).processes()}
    return sorted(
        name
        for name in running | {path.stem for path in instance.conf_dir.glob("*.conf")}
        if own.fullmatch(name)
    )


def _start_stopped(server: Server, groups: list[str], timeout: float, progress: Progress) -> list[str]:
    """Start what somebody has stopped, or supervisord has given up on; return the names.

    One that an interrupted restart has left in its drain is waited for, `timeout` seconds at most.
    """
    for _ in polling(timeout):
        if not any(p.state == "STOPPING" for p in server.processes() if p.group in groups):
            break
    stopped = [
        p.full_name for p in server.processes() if p.group in groups and p.state in ("STOPPED", "FATAL")
    ]
    for name in stopped:
        try:
            server.call("supervisor.startProcess", name, False)
        except FaultError as fault:
            if fault.code != Faults.ALREADY_STARTED:
                raise
        progress(f"{name}: was stopped, is started")
    return stopped
