"""`restart`: the workers of the live colour, one at a time, each ready before the next."""

from __future__ import annotations

from pathlib import Path

from supervisor.xmlrpc import Faults

from mooring.control.errors import ControlError
from mooring.control.gate import Progress, wait_process
from mooring.control.server import FaultError, Process, Server, polling

COLOURS = ("blue", "green")


def live_group(server: Server, instance: str) -> str:
    """Return the group of the colour that runs. ControlError when none does, or both."""
    groups = [f"{instance}-{colour}" for colour in COLOURS]
    found = [group for group in groups if server.processes(group)]
    if not found:
        raise ControlError(f"no workers of {instance}: supervisord knows neither {' nor '.join(groups)}")
    if len(found) > 1:
        raise ControlError(f"both {' and '.join(found)} run, a switch was not finished: run the deploy again")
    return found[0]


def restart(
    server: Server, run_dir: Path, instance: str, timeouts: tuple[float, float], progress: Progress
) -> list[dict[str, object]]:
    """Restart the workers one after the other; `timeouts` are those of the gate and of a drain, for each, in seconds.

    Returns what was done: name, old and new pid. ControlError when one does not come back: the workers
    after it still run as they did.
    """
    gate_timeout, drain_timeout = timeouts
    workers = server.processes(live_group(server, instance))
    done: list[dict[str, object]] = []
    for worker in workers:
        try:
            _stop(server, worker, drain_timeout)
            server.call("supervisor.startProcess", worker.full_name, False)
            new = wait_process(server, run_dir, worker.full_name, gate_timeout, progress)
        except ControlError as error:
            raise ControlError(f"{len(done)} of {len(workers)} workers restarted; {error}") from error
        done.append({"name": new.full_name, "old_pid": worker.pid, "pid": new.pid})
    return done


def _stop(server: Server, worker: Process, timeout: float) -> None:
    for left in polling(timeout):
        now = server.process(worker.full_name)
        if now.stopped:
            return
        if now.state != "STOPPING":
            try:
                server.call("supervisor.stopProcess", worker.full_name, False)
            except FaultError as fault:
                if fault.code != Faults.NOT_RUNNING:  # it has just ended by itself
                    raise
        if not left:
            raise ControlError(f"{worker.full_name} (pid {now.pid}) has not drained within {timeout:g} s")
