"""The report's pictures: ``python -m bench.plots measured.json folder``. Runs in the benchmark's virtualenv (matplotlib)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found] # in the benchmark's virtualenv alone

from bench import figures
from bench.figures import Row
from bench.servers import BY_NAME

mpl.use("Agg")
from matplotlib import pyplot, ticker

OURS, THEIRS, EDGE = "#1f6f8b", "#c9ccd1", "#33373d"
NAMES = {
    "close-100": "no keep-alive, 100 clients",
    "wrk-close-100": "no keep-alive, 100 clients",
    "kept-100": "keep-alive, 100 clients",
}
PICTURES = (
    ("raw.png", "raw WSGI application: requests/s", ("raw",), ("wrk-close-100", "kept-100")),
    ("vim_types.png", "vim_types: requests/s", ("vim_types", "field"), ("close-100", "kept-100")),
    (
        "forward.png",
        "forwarding to a 100 ms upstream: requests/s",
        ("forward",),
        ("forward-100", "forward-1000"),
    ),
)
LATENCIES = ("latency.png", "vim_types, keep-alive, 100 clients: latency p50 and p99 in ms (logarithmic)")


def bars(rows: list[Row], path: Path, title: str, scenarios: tuple[str, ...], loads: tuple[str, ...]) -> None:
    """Draw medians of the rate, one panel per load, whiskers from the least to the greatest run."""
    figure, panels = pyplot.subplots(1, len(loads), figsize=(12, _height(rows, scenarios)), squeeze=False)
    for panel, load in zip(panels[0], loads, strict=True):
        measured = sorted(
            (
                (figures.median(runs, "rate"), name, runs)
                for name, runs in _groups(rows, scenarios, load).items()
            ),
            key=lambda entry: entry[0],
        )
        for height, (rate, name, runs) in enumerate(measured):
            rates = [run["rate"] for run in runs]
            panel.barh(
                height,
                rate,
                color=OURS if name.startswith(figures.OURS) else THEIRS,
                xerr=[[rate - min(rates)], [max(rates) - rate]],
                ecolor=EDGE,
                capsize=3,
            )
            panel.text(max(rates), height, f"  {rate:,.0f}", va="center", fontsize=8, color=EDGE)
        _dress(
            panel,
            [name for _, name, _ in measured],
            NAMES.get(load, load.replace("forward-", "") + " clients"),
        )
        panel.margins(x=0.18)
    _save(figure, path, title)


def latencies(rows: list[Row], path: Path, title: str) -> None:
    """Draw p50 and p99 of every server under keep-alive by 100 clients."""
    measured = sorted(
        (
            (figures.median(runs, "p99_ms"), figures.median(runs, "p50_ms"), name)
            for name, runs in _groups(rows, ("vim_types", "field"), "kept-100").items()
        ),
        reverse=True,
    )
    figure, panel = pyplot.subplots(figsize=(12, _height(rows, ("vim_types", "field"))))
    for height, (p99, p50, name) in enumerate(measured):
        colour = OURS if name.startswith(figures.OURS) else "#8a9099"
        panel.plot([p50, p99], [height, height], color=colour, linewidth=3, solid_capstyle="round")
        panel.plot([p50], [height], "o", color=colour)
        panel.text(p99 * 1.06, height, f"{p50:.0f} / {p99:.0f}", va="center", fontsize=8, color=EDGE)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    panel.xaxis.set_minor_formatter(ticker.NullFormatter())
    panel.margins(x=0.08)
    _dress(panel, [name for _, _, name in measured], "")
    _save(figure, path, title)


def _groups(rows: list[Row], scenarios: tuple[str, ...], load: str) -> dict[str, list[Row]]:
    """Return runs by server; of one that is in two scenarios those of the first."""
    groups: dict[str, list[Row]] = {}
    for scenario in scenarios:
        found: dict[str, list[Row]] = {}
        for row in rows:
            if row["scenario"] == scenario and row["load"] == load:
                found.setdefault(row["server"], []).append(row)
        groups = {**found, **groups}
    return groups


def _height(rows: list[Row], scenarios: tuple[str, ...]) -> float:
    return 1.4 + 0.34 * len({row["server"] for row in rows if row["scenario"] in scenarios})


def _dress(panel: Any, names: list[str], title: str) -> None:
    panel.set_yticks(range(len(names)), [BY_NAME[name].title for name in names], fontsize=8)
    panel.set_title(title, fontsize=10, loc="left")
    panel.grid(axis="x", color="#e6e8eb", linewidth=0.8)
    panel.set_axisbelow(True)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)


def _save(figure: Any, path: Path, title: str) -> None:
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def main(source: Path, folder: Path) -> None:
    """Draw what the run has measured; print title and file name of each picture, a tab between them."""
    rows = json.loads(source.read_text(encoding="utf-8"))["runs"]
    folder.mkdir(parents=True, exist_ok=True)
    for name, title, scenarios, loads in PICTURES:
        there = tuple(load for load in loads if _groups(rows, scenarios, load))
        if there:
            bars(rows, folder / name, title, scenarios, there)
            sys.stdout.write(f"{title}\t{name}\n")
    if _groups(rows, ("vim_types", "field"), "kept-100"):
        latencies(rows, folder / LATENCIES[0], LATENCIES[1])
        sys.stdout.write(f"{LATENCIES[1]}\t{LATENCIES[0]}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
