"""`restart`: the workers of the live colour, one at a time, each ready before the next."""

from __future__ import annotations

from supervisor.xmlrpc import Faults

from mooring.host.errors import HostError
from mooring.host.gate import Progress, wait_process
from mooring.host.instance import Instance
from mooring.host.lastwords import marks_of
from mooring.host.live import NOTHING
from mooring.host.reconcile import reconcile
from mooring.host.server import FaultError, Process, Server, polling
from mooring.host.state import damage, find


def restart(instance: Instance, timeouts: tuple[float, float], progress: Progress) -> list[dict[str, object]]:
    """Restart the workers one after the other; `timeouts` are those of the gate and of a drain, for each, in seconds.

    What an interrupted run has left is reconciled before, so that one generation is there, and all of it is ready.
    Returns what was done: name, old and new pid. HostError when one does not come back: the workers
    after it still run as they did.
    """
    gate_timeout, drain_timeout = timeouts
    server, run_dir = Server.of(instance), instance.run_dir
    named = find(instance, gate_timeout).live
    if named != NOTHING and (wrong := damage(instance, named)):
        raise HostError(f"Nothing was restarted: {wrong[0]}. Deploy again, which builds the release again")
    reconciled = reconcile(instance, "", timeouts, progress)
    workers = server.processes(instance.group(reconciled["live"]["colour"]))
    done: list[dict[str, object]] = []
    for worker in workers:
        try:
            marks = marks_of(server, [worker.group])
            _stop(server, worker, drain_timeout)
            server.call("supervisor.startProcess", worker.full_name, False)
            new = wait_process(server, run_dir, worker.full_name, gate_timeout, progress, marks)
        except HostError as error:
            raise HostError(f"{len(done)} of {len(workers)} workers restarted; {error}") from error
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
            raise HostError(f"{worker.full_name} (pid {now.pid}) has not drained within {timeout:g} s")
