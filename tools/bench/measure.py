"""The measuring itself: start a step's servers, put the loads on them in turn, and note what each run brought."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from bench import loads, processes
from bench.loads import Load, Outcome
from bench.plan import Step
from bench.raw import BODY
from bench.servers import BY_NAME, VIM_TYPES
from bench.serving import Running, upstream

DRIVER_TIMEOUT = {"MULTICLOUD_CONNECT_TIMEOUT": "30"}


@dataclass(frozen=True)
class Cost:
    """What a run cost the server. Memory in bytes.

    ``cpu_us``: user and system time of all its processes per request, in microseconds. ``busiest``: the share of the
    workers' CPU time that the busiest one had. ``memory``: of one worker, the mean; ``memory_all``: of all processes.
    """

    cpu_us: float = 0.0
    busiest: float = 0.0
    memory: int = 0
    memory_all: int = 0


@dataclass(frozen=True)
class Run:
    """One load on one server, once."""

    scenario: str
    server: str
    load: str
    round: int
    outcome: Outcome
    cost: Cost

    def as_row(self) -> dict[str, object]:
        """Return it as JSON will hold it, rounded to what is meant by it."""
        outcome = self.outcome
        return {
            "scenario": self.scenario,
            "server": self.server,
            "load": self.load,
            "round": self.round,
            "requests": outcome.requests,
            "rate": round(outcome.rate, 1),
            "p50_ms": round(outcome.p50, 3),
            "p99_ms": round(outcome.p99, 3),
            "failures": outcome.failures,
            "cpu_us": round(self.cost.cpu_us, 2),
            "busiest": round(self.cost.busiest, 3),
            "memory": self.cost.memory,
            "memory_all": self.cost.memory_all,
        }


@dataclass(frozen=True)
class Bench:
    """Where things are: the virtualenv's ``bin``, and the folders that hold ``mooring``, ``multicloud`` and ``bench``."""

    binaries: Path
    path: list[Path]

    def measure(self, steps: Iterable[Step], *, without: frozenset[str] = frozenset()) -> Iterator[list[Run]]:
        """Do all steps, yielding what each has brought; ``without`` names servers that are not installed."""
        for number, step in enumerate(steps, 1):
            names = [name for name in step.servers if name not in without]
            _say(f"step {number}, {step.scenario}: {', '.join(names)}")
            with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
                extra: dict[str, str] = {}
                runs: list[Run] = []
                if step.forwards:
                    port = stack.enter_context(upstream(self.binaries / "python", self.path))
                    extra = {"MULTICLOUD_MSB_URL": f"http://127.0.0.1:{port}", **DRIVER_TIMEOUT}
                    runs += _upstream_alone(port, step)
                running = [
                    stack.enter_context(Running(BY_NAME[name], self.binaries, Path(folder), self.path, extra))
                    for name in names
                ]
                _agree(running, step)
                runs += _rounds(running, step)
            yield runs


def _agree(running: Sequence[Running], step: Step) -> None:
    """Have all servers answer the same, byte for byte, before any of them is measured."""
    body = BODY if step.scenario == "raw" else None
    for server in running:
        body = server.until_right(step.path, body)
    for server in running:
        for _ in range(20):  # whichever worker answers: none is to load anything when it is measured
            server.until_right(step.path, body)


def _rounds(running: Sequence[Running], step: Step) -> list[Run]:
    runs = []
    for load in step.loads:
        for number in range(1, step.rounds + 1):
            turn = number % len(running)  # nobody is always first
            for server in (*running[turn:], *running[:turn]):
                run = _one(server, step, load, number)
                runs.append(run)
                _say(
                    f"  {load.name:12} round {number}: {run.server:16} {run.outcome.rate:9.0f}/s"
                    f"  p99 {run.outcome.p99:8.1f} ms  {run.cost.cpu_us:7.0f} us CPU  {run.outcome.failures or ''}"
                )
    return runs


def _one(server: Running, step: Step, load: Load, number: int) -> Run:
    before = server.cpu()
    outcome = loads.run(load, server.url(step.path))
    workers = server.workers()
    memory = _memory(workers)
    everything = sum(_memory(server.processes()))
    server.settle()
    used = {pid: seconds - before.get(pid, 0.0) for pid, seconds in server.cpu().items()}
    cost = Cost(
        cpu_us=sum(used.values()) / max(1, outcome.requests) * 1e6,
        busiest=_busiest([used.get(worker.pid, 0.0) for worker in workers]),
        memory=sum(memory) // max(1, len(memory)),
        memory_all=everything,
    )
    return Run(step.scenario, server.server.name, load.name, number, outcome, cost)


def _memory(found: Iterable[processes.Process]) -> list[int]:
    """Return the memory of each that still runs: a peer may end a worker at any time."""
    shares = []
    for process in found:
        with suppress(ProcessLookupError, FileNotFoundError):
            shares.append(processes.memory(process.pid))
    return shares


def _busiest(seconds: list[float]) -> float:
    total = sum(seconds)
    return max(seconds) / total if total else 0.0


def _upstream_alone(port: int, step: Step) -> list[Run]:
    """Put the step's loads on the upstream itself: what comes out is the most that forwarding could reach."""
    runs = []
    for load in step.loads:
        outcome = loads.run(load, f"http://127.0.0.1:{port}{VIM_TYPES}")
        _say(f"  {load.name:12} upstream alone {outcome.rate:9.0f}/s  p99 {outcome.p99:8.1f} ms")
        runs.append(Run("upstream", "upstream", load.name, 1, outcome, Cost()))
    return runs


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
