"""One run: starts the clients and the control socket, keeps the clock, and writes the summary at the end."""

from __future__ import annotations

import asyncio
import datetime
import gc
import itertools
import json
import os
import platform
import signal
import time
from pathlib import Path
from typing import Any, Final

from mooring_load import control, ledger
from mooring_load.clients import KeptClient, NewClient, Traffic
from mooring_load.kinds import in_turn
from mooring_load.operations import MarkError
from mooring_load.options import RunOptions
from mooring_load.pacing import Budget, ClosedLoop, OpenLoop
from mooring_load.parent import when_ended
from mooring_load.recorder import POSTS, TICK, Recorder

SUMMARY: Final = "summary.json"


class Run:
    """A run; it ends by its duration, its number of requests, SIGTERM, SIGINT, or `stop` on the socket.

    And with the process that it is told to end with, so that no load goes on when its operator was killed.
    """

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._id = f"{int(time.time()):x}{os.getpid():x}"
        self._recorder = Recorder(options.out, options.timeout)
        self._budget = Budget(self._loop, options.max_requests)
        self._done: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._began = 0.0

    async def execute(self) -> dict[str, Any]:
        """Drive the traffic to its end and return the summary."""
        options = self._options
        (options.out / SUMMARY).unlink(missing_ok=True)
        server = control.ControlServer(options.control, self._obey)
        await server.start()
        try:
            summary = await self._drive()
            if options.count_files:
                add_ledger(summary, options.out, options.count_files)
            write_summary(summary, options.out)
            self._done.set_result(summary)
        finally:
            self._done.cancel()
            await server.close()
        return summary

    async def _drive(self) -> dict[str, Any]:
        """Run the clients until the budget is used up; return the summary without the ledger."""
        options = self._options
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._budget.stop)
        if options.end_with is not None:
            when_ended(self._loop, options.end_with, self._budget.stop)
        gc.collect()
        gc.freeze()
        started_at = datetime.datetime.now(datetime.timezone.utc)
        processor = time.process_time()
        self._began = self._loop.time()
        ticker = asyncio.create_task(self._tick())
        end = self._loop.call_at(self._began + options.duration, self._budget.stop)
        try:
            await asyncio.gather(*(client.run() for client in self._clients()))
        finally:
            end.cancel()
            ticker.cancel()
            seconds = self._now()
            self._recorder.close(seconds)
        return {
            "run": self._id,
            "started_at": started_at.isoformat(timespec="milliseconds"),
            "seconds": round(seconds, 3),
            "generator_cpu_seconds": round(time.process_time() - processor, 3),
            "machine": f"{platform.node()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
            "command": options.command,
            **self._recorder.figures(),
        }

    def _now(self) -> float:
        return self._loop.time() - self._began

    def _clients(self) -> list[NewClient | KeptClient]:
        options = self._options
        numbers = itertools.count(1)
        traffic = Traffic(
            loop=self._loop,
            destination=options.destination,
            recorder=self._recorder,
            budget=self._budget,
            began=self._began,
            next_id=lambda: f"{self._id}-{next(numbers)}",
            timeout=options.timeout,
            id_header=options.id_header,
            holder_header=options.holder_header,
            retry_idle=options.retry_idle,
        )
        everyone: list[NewClient | KeptClient] = []
        for maker, count, pause in (
            (NewClient, options.new, 0.0),
            (KeptClient, options.kept, options.kept_pause),
        ):
            share = options.rate * count / (options.new + options.kept)
            pace: ClosedLoop | OpenLoop = ClosedLoop(self._budget, self._loop, pause)
            if share:
                pace = OpenLoop(self._budget, self._loop, self._began, share)
            everyone += [maker(traffic, in_turn(options.kinds, index), pace) for index in range(count)]
        return everyone

    async def _tick(self) -> None:
        """End a row of the timeline every 100 ms, and note how late that was: the generator's own lag."""
        for number in itertools.count(1):
            due = self._began + number * TICK
            await asyncio.sleep(due - self._loop.time())
            lag = self._loop.time() - due
            self._recorder.longest_lag = max(self._recorder.longest_lag, lag)
            if lag < TICK:
                self._recorder.cut(self._now())

    async def _obey(self, line: str) -> dict[str, Any]:
        """Answer a line from the control socket."""
        word, _, rest = line.partition(" ")
        if word == "mark":
            return self._mark(rest)
        if word == "status" and not rest:
            return {"ok": True, **self._state()}
        if word == "stop" and not rest:
            self._budget.stop()
            return {"ok": True, **await self._done}
        return {
            "ok": False,
            "error": f"{line!r}: want 'mark NAME start', 'mark NAME end', 'status' or 'stop'",
        }

    def _mark(self, rest: str) -> dict[str, Any]:
        name, _, edge = rest.rpartition(" ")
        if not name or edge not in ("start", "end"):
            return {"ok": False, "error": f"mark {rest!r}: want 'mark NAME start' or 'mark NAME end'"}
        try:
            if edge == "start":
                self._recorder.start_operation(name, self._now())
            else:
                self._recorder.end_operation(name, self._now())
        except MarkError as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, **self._state()}

    def _state(self) -> dict[str, Any]:
        recorder = self._recorder
        return {
            "run": self._id,
            "pid": os.getpid(),
            "seconds": round(self._now(), 3),
            "requests": recorder.requests,
            "failed": recorder.failures.total(),
            "operations": recorder.operations.running,
            "answered_by": dict(recorder.holders.most_common()),
        }


def add_ledger(summary: dict[str, Any], folder: Path, count_files: list[Path]) -> None:
    """Compare the run's POSTs with the files that they were counted in; put the result into the summary."""
    counts, foreign = ledger.count_ids(count_files, summary["run"])
    summary["ledger"] = ledger.verify(
        ledger.read_posts(folder / POSTS), counts, foreign, summary["operations"]
    )


def write_summary(summary: dict[str, Any], folder: Path) -> None:
    """Write summary.json, whole or not at all."""
    draft = folder / f"{SUMMARY}.draft"
    draft.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    draft.replace(folder / SUMMARY)


def spotless(summary: dict[str, Any]) -> bool:
    """Say whether no request failed and, if the application counted, none was lost or doubled."""
    counted = summary.get("ledger", {"lost": 0, "doubled": 0, "counted_but_never_sent": 0})
    return not (
        summary["failed"] or counted["lost"] or counted["doubled"] or counted["counted_but_never_sent"]
    )
