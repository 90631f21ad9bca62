"""The report: docs/performance.md, written from the measured rows alone, but for the remarks of whoever ran it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from bench import figures, plan
from bench.figures import EVENNESS, TARGETS, Row
from bench.loads import Load
from bench.servers import BY_NAME

Measured = dict[str, Any]

INTRODUCTION = """\
# Performance

This page is written by `make bench` from what it has measured; do not edit it by hand. What people have to say about the figures
stands in [performance/remarks.md](performance/remarks.md), which it repeats below; every single run is in
[performance/measured.json](performance/measured.json).
"""

METHOD = """\
## How it is measured

- Servers of one table take turns under the same load, round by round, each round beginning with another one. A ratio is the
  ratio of the medians; beside it stand the least and the greatest ratio of a pair (the same round of both).
- Two workers each, a backlog of 1024, no access log. The load generator, and the upstream where there is one, run on the same
  cores as the server: this compresses ratios, those of fast servers most. CPU time per request (user and system, all of the
  server's processes, from /proc) does not contain them, and is the second figure.
- Before a step is measured, all its servers must have answered with the same bytes.
- The requests of a load are all alike, but for the load with heads that differ. A server that remembers heads, as Mooring
  does for requests without a body, gains by it only where clients repeat themselves.
- Both load generators are closed loops: when a server slows down, it is asked less. Latencies are those of the requests that
  were made: a server that serves a few connections and leaves the others waiting shows a small p99 (uWSGI `--http11-socket`
  and runserver below).
- Memory is that of a worker right after the load, the mean of the workers; pages that processes share count in part (PSS).
- Spread is the busiest worker's share of the workers' CPU time: 50 % is even.
"""

WHERE = {
    "raw": ("A raw WSGI application", "31 bytes with a length: the server alone."),
    "vim_types": (
        "`vim_types`: the pairs of the targets",
        "The API's smallest answer, through the whole framework.",
    ),
    "field": (
        "`vim_types`: other servers",
        "Django in all of them. Mooring is measured again in the same rounds.",
    ),
    "forward": (
        "Forwarding to an upstream that takes 100 ms",
        "Django; the region needs no look-up, so each request makes one request upstream. With 100 clients no server can answer"
        " more than 1000 requests per second, with 1000 clients 10,000.",
    ),
    "ab": ("The classic ab runs", "A connection for each request; every failure that ab counts is shown."),
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def targets(rows: Sequence[Row]) -> str:
    """Return the table of the targets, those that this run has measured."""
    lines = []
    for target in TARGETS:
        found = figures.ratio(rows, target)
        if found is None:
            continue
        cpu = figures.ratio(rows, target, "cpu_us")
        lines.append(
            (
                f"{target.what}, {_load_title(target.load)}",
                f"{'≤' if target.at_most else '≥'} {target.bound:g}x",
                f"{found.value:.2f}x",
                f"{found.least:.2f} to {found.greatest:.2f}",
                str(found.pairs),
                f"{cpu.value:.2f}x" if cpu else "",
                "reached" if figures.reached(target, found) else "**missed**",
            )
        )
    for even in EVENNESS:
        found = figures.evenness(rows, even)
        if found is not None:
            good = round(found.value, 2) <= even.bound
            lines.append(
                (
                    f"{even.what}, {_load_title(even.load)}",
                    f"≤ {even.bound:g}x",
                    f"{found.value:.2f}x",
                    f"{found.least:.2f} to {found.greatest:.2f}",
                    str(found.pairs),
                    "",
                    "reached" if good else "**missed**",
                )
            )
    failed = figures.failures(rows)
    lines.append(
        (
            "failures of Mooring, all loads",
            "0",
            str(sum(failed.values())),
            f"of {figures.requests(rows):,} requests",
            "",
            "",
            "**missed**: " + _kinds(failed) if failed else "reached",
        )
    )
    head = ("against", "to reach", "measured", "pairs from, to", "pairs", "CPU time per request", "")
    return table(head, lines)


def _load_title(name: str) -> str:
    return next(load.title for load in _loads(plan.FULL) if load.name == name)


def _loads(steps: Iterable[plan.Step]) -> list[Load]:
    return [load for step in steps for load in step.loads]


def _kinds(failed: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(failed.items()))


def scenario(rows: Sequence[Row], name: str) -> str:
    """Return the tables of a scenario, one for each load, the fastest server first."""
    mine = [row for row in rows if row["scenario"] == name]
    parts = []
    for load in dict.fromkeys(row["load"] for row in mine):
        servers = dict.fromkeys(row["server"] for row in mine if row["load"] == load)
        lines = sorted((_server(mine, load, server) for server in servers), key=lambda line: -line[0])
        parts.append(f"### {_load_title(load)}\n\n" + table(_HEAD, [line for _, line in lines]))
    return "\n".join(parts)


_HEAD = (
    "server",
    "requests/s",
    "from, to",
    "runs",
    "p50 ms",
    "p99 ms",
    "failures",
    "CPU µs/request",
    "MiB/worker",
    "spread",
)


def _server(rows: Sequence[Row], load: str, server: str) -> tuple[float, Sequence[str]]:
    runs = [row for row in rows if row["load"] == load and row["server"] == server]
    rate = figures.median(runs, "rate")
    rates = [row["rate"] for row in runs]
    busiest = figures.median(runs, "busiest")
    return rate, (
        BY_NAME[server].title,
        f"{rate:,.0f}",
        f"{min(rates):,.0f} to {max(rates):,.0f}",
        str(len(runs)),
        f"{figures.median(runs, 'p50_ms'):.1f}",
        f"{figures.median(runs, 'p99_ms'):.1f}",
        _kinds(figures.failures(runs, server)) or "0",
        f"{figures.median(runs, 'cpu_us'):.0f}",
        f"{figures.median(runs, 'memory') / 2**20:.0f}",
        f"{busiest:.0%}" if busiest else "",
    )


def upstream(rows: Sequence[Row]) -> str:
    """Say how fast the upstream was without a server in front of it."""
    alone = [row for row in rows if row["scenario"] == "upstream"]
    return "".join(
        f"- The upstream alone, {_load_title(row['load'])}: {row['rate']:,.0f} requests/s, p99 {row['p99_ms']:.0f} ms.\n"
        for row in alone
    )


def disturbed(machine: dict[str, str]) -> str:
    """Return a warning if the machine was at work for others when the measuring began."""
    load, cores = float(machine["load average before"]), int(machine["cores"])
    if load < cores / 4:
        return ""
    return (
        f"**The machine was not quiet: the load average was {load:g} on {cores} cores before the first run.** Rates and latencies"
        " below are lower and more scattered than the servers'; ratios and CPU time per request suffer less.\n"
    )


def unmeasured(measured: Measured) -> str:
    """Return a warning that names the tables that a run which was ended early has not come to."""
    there = {(row["scenario"], row["load"]) for row in measured["runs"]}
    missing = [
        f"{WHERE[step.scenario][0].replace('`', '')}, {load.title}"
        for step in (plan.QUICK if measured["quick"] else plan.FULL)
        for load in step.loads
        if (step.scenario, load.name) not in there
    ]
    if not missing:
        return ""
    return f"**The run was ended early.** Not measured: {'; '.join(dict.fromkeys(missing))}.\n"


def setting(measured: Measured) -> str:
    """Return date, machine, versions and commands."""
    versions = {**measured["machine"], **{k: v for k, v in measured["versions"].items() if v}}
    used = dict.fromkeys(row["server"] for row in measured["runs"] if row["server"] in BY_NAME)
    servers = [
        (BY_NAME[name].title, f"`{shlex.join(BY_NAME[name].command)}`", BY_NAME[name].note) for name in used
    ]
    loads: dict[str, str] = {}
    for load in _loads(plan.QUICK if measured["quick"] else plan.FULL):
        words = [word.rpartition("/")[2] if word.endswith(".lua") else word for word in load.command("URL")]
        loads.setdefault(shlex.join(words), load.title)
    listed = "".join(f"- {name}: {value}\n" for name, value in versions.items())
    commands = "".join(f"- {title}: `{command}`\n" for command, title in loads.items())
    return (
        f"## Where and with what\n\nMeasured on {measured['date']} in {measured['minutes']:.0f} minutes.\n\n{listed}\n"
        f"Servers (`{{port}}`: a free one; the others get the listening socket as file descriptor 0, twice started):\n\n"
        + "| server | command | note |\n| --- | --- | --- |\n"
        + "".join(f"| {' | '.join(line)} |\n" for line in servers)
        + f"\nLoads:\n\n{commands}"
    )


def compose(measured: Measured, remarks: str, plots: Sequence[tuple[str, str]] = ()) -> str:
    """Return the whole page; ``plots`` are titles and paths of pictures."""
    rows = measured["runs"]
    parts = [
        INTRODUCTION,
        disturbed(measured["machine"]),
        unmeasured(measured),
        "## Targets\n\n" + targets(rows),
    ]
    parts.append(
        "".join(f"![{title}]({path})\n\n" for title, path in plots).rstrip("\n") + "\n" if plots else ""
    )
    parts += [f"## Remarks\n\n{remarks.strip()}\n" if remarks else "", METHOD, setting(measured)]
    for name, (title, text) in WHERE.items():
        if any(row["scenario"] == name for row in rows):
            extra = "\n" + upstream(rows) if name == "forward" else ""
            parts.append(f"## {title}\n\n{text}\n{extra}\n{scenario(rows, name)}")
    return "\n".join(part for part in parts if part)
