"""``python -m bench``: measure all (15 minutes) and write docs/performance.md; ``--quick``: two minutes, to build/bench."""

from __future__ import annotations

import argparse
import datetime
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import install, measure, plan, report
from bench.install import ROOT
from bench.loads import LoadError
from bench.serving import ServingError

DOCS = ROOT / "docs" / "performance.md"
TOOLS = Path(__file__).resolve().parents[1]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="two minutes, fewer servers; writes below build/bench"
    )
    parser.add_argument(
        "--app", type=Path, default=ROOT / "app", help="the app/ to measure (default: this one)"
    )
    parser.add_argument(
        "--python", default=install.default_python(), help="the Python of all servers (default: %(default)s)"
    )
    parser.add_argument(
        "--report-only", action="store_true", help="write the report again from the last measurement"
    )
    return parser.parse_args()


def main() -> int:
    """Return 0 when the report is written; 1 with the reason on standard error otherwise."""
    arguments = _arguments()
    signal.signal(
        signal.SIGTERM, lambda number, _: sys.exit(128 + number)
    )  # the servers are ended on the way out
    page = ROOT / "build" / "bench" / "quick.md" if arguments.quick else DOCS
    folder = page.with_suffix("")
    source = folder / "measured.json"
    try:
        if not arguments.report_only:
            install.check_tools()
        binaries = install.virtualenv(arguments.python)
        if not arguments.report_only:
            folder.mkdir(parents=True, exist_ok=True)
            for measured in _measure(binaries, arguments):
                _write(source, measured)
        _report(binaries, source, page)
    except (install.MissingError, LoadError, ServingError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    return 0


def _measure(binaries: Path, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield what has been measured so far, after every step: a run that is broken off leaves that much."""
    started = time.monotonic()
    steps = plan.QUICK if arguments.quick else plan.FULL
    bench = measure.Bench(
        binaries,
        [*(arguments.app.resolve() / project / "src" for project in ("mooring", "multicloud")), TOOLS],
    )
    facts = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "quick": arguments.quick,
        "machine": install.machine(arguments.app),
        "versions": install.versions(),
    }
    rows: list[dict[str, object]] = []
    for runs in bench.measure(steps, without=install.absent()):
        rows += [run.as_row() for run in runs]
        yield {**facts, "minutes": round((time.monotonic() - started) / 60, 1), "runs": rows}


def _write(path: Path, measured: dict[str, Any]) -> None:
    """Write JSON with one line for each run, so that two measurements can be compared line by line."""
    runs = ",\n".join(json.dumps(run) for run in measured["runs"])
    head = json.dumps({**measured, "runs": []}, indent=1)
    path.write_text(head.removesuffix("[]\n}") + f"[\n{runs}\n]}}\n", encoding="utf-8")


def _report(binaries: Path, source: Path, page: Path) -> None:
    measured = json.loads(source.read_text(encoding="utf-8"))
    drawn = subprocess.run(
        [binaries / "python", "-m", "bench.plots", source, source.parent],
        env={"PYTHONPATH": str(TOOLS), "PATH": "/usr/bin:/bin", "MPLCONFIGDIR": str(install.VENV.parent)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    plots = []
    for line in drawn.stdout.splitlines():
        title, _, name = line.partition("\t")
        plots.append((title, f"{source.parent.name}/{name}"))
    remarks = source.parent / "remarks.md"
    text = remarks.read_text(encoding="utf-8") if remarks.exists() else ""
    page.write_text(report.compose(measured, text, plots), encoding="utf-8")
    sys.stdout.write(f"{report.targets(measured['runs'])}\nThe whole report: {page.relative_to(ROOT)}\n")


if __name__ == "__main__":
    sys.exit(main())
