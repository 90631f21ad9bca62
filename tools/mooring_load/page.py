"""The report as one HTML page that needs nothing else: the plot, the table, the failures, the remarks."""

from __future__ import annotations

from html import escape
from typing import Any, Final

from mooring_load.plot import svg
from mooring_load.report import HEADINGS, describe, remarks, rows
from mooring_load.run import spotless

_FAILURES_SHOWN: Final = 200
_STYLE: Final = """
:root {
  color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --faint: #6a737d; --grid: #e3e6ea; --band: #dbe7f6;
  --rate: #2458a6; --p50: #2a8f5b; --p99: #c77700; --longest: #b9a3d6; --failed: #c62828;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --ink: #e5e8ec; --faint: #97a1ac; --grid: #2a3037; --band: #22344d;
    --rate: #7db0f5; --p50: #5fcf94; --p99: #f0a640; --longest: #7d68a3; --failed: #ff6b6b;
  }
}
body {
  background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  margin: 2rem auto; max-width: 1140px; padding: 0 1rem;
}
h1 { font-size: 1.5rem; margin-bottom: 0; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { font-weight: 600; }
.verdict.bad, td.bad { color: var(--failed); }
.faint { color: var(--faint); }
svg { height: auto; width: 100%; }
svg text { fill: var(--faint); font-size: 12px; }
svg .name { fill: var(--ink); font-weight: 600; }
svg .tick { text-anchor: end; }
svg .second, svg .number { text-anchor: middle; }
svg .number { fill: var(--ink); }
.grid { stroke: var(--grid); }
.band { fill: var(--band); opacity: .6; }
.line { fill: none; stroke-width: 1.4; }
.line.rate { stroke: var(--rate); }
.line.p50 { stroke: var(--p50); }
.line.p99 { stroke: var(--p99); }
.line.longest { stroke: var(--longest); }
rect.failed { fill: var(--failed); }
.key span { margin-right: 1.2rem; }
.key i { display: inline-block; height: 3px; margin-right: .4rem; vertical-align: middle; width: 18px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { border-bottom: 1px solid var(--grid); padding: .3rem .6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
ul { padding-left: 1.2rem; }
.failures { font: 12.5px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
"""
_KEY: Final = (
    ("rate", "requests/s"),
    ("p50", "p50"),
    ("p99", "p99"),
    ("longest", "longest"),
    ("failed", "failed"),
)


def html(summary: dict[str, Any], timeline: list[dict[str, Any]], failures: list[dict[str, Any]]) -> str:
    """Return the whole page."""
    good = spotless(summary)
    verdict = "No request failed." if good else _verdict(summary)
    key = "".join(f'<span><i style="background: var(--{name})"></i>{label}</span>' for name, label in _KEY)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Load report: {escape(verdict)}</title><style>{_STYLE}</style></head><body>",
        "<h1>Load report</h1>",
        f'<p class="faint">{escape(summary["started_at"])}, {escape(summary["machine"])}</p>',
        f'<p class="verdict{"" if good else " bad"}">{escape(verdict)}</p>',
        svg(timeline, summary["operations"]),
        f'<p class="key faint">{key} Bands are operations, numbered as in the table. '
        "Latencies are the worst of each point.</p>",
        _table(summary),
        "<h2>Remarks</h2><ul>",
        *(f"<li>{escape(remark)}</li>" for remark in remarks(summary)),
        "</ul>",
        *_failures(summary, failures),
        f'<h2>Command</h2><p class="failures">{escape(" ".join(summary["command"]))}</p>',
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _verdict(summary: dict[str, Any]) -> str:
    counted = summary.get("ledger", {"lost": 0, "doubled": 0})
    failed = f"{summary['failed']} of {summary['requests']} requests failed"
    return f"{failed}, {counted['lost']} lost, {counted['doubled']} doubled."


def _table(summary: dict[str, Any]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in HEADINGS)
    lines = []
    last_operation = len(summary["operations"])
    for number, row in enumerate(rows(summary), 1):
        name = f"{number}. {row[0]}" if number <= last_operation else row[0]
        cells = [f"<td>{escape(name)}</td>"]
        for heading, cell in zip(HEADINGS[1:], row[1:], strict=True):
            bad = heading in ("failed", "lost", "doubled", "refused") and cell not in ("0", "-")
            cells.append(f'<td class="bad">{escape(cell)}</td>' if bad else f"<td>{escape(cell)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    body = "".join(lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _failures(summary: dict[str, Any], failures: list[dict[str, Any]]) -> list[str]:
    if not failures:
        return []
    shown = failures[:_FAILURES_SHOWN]
    return [
        f"<h2>Failures ({len(shown)} of {summary['failed']})</h2><ul class='failures'>",
        *(f"<li>{escape(describe(failure))}</li>" for failure in shown),
        "</ul>",
    ]
