"""The report as one HTML page that needs nothing else: the plot, the table, the failures, the remarks.

`page.html.j2` beside this module is the page; all that it shows is escaped, but for the plot, which is markup of our own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import jinja2
from markupsafe import Markup

from mooring_load.plot import svg
from mooring_load.report import HEADINGS, describe, remarks, rows
from mooring_load.run import spotless

_FAILURES_SHOWN: Final = 200
_TEMPLATE: Final = "page.html.j2"
_KEY: Final = (
    ("rate", "requests/s"),
    ("p50", "p50"),
    ("p99", "p99"),
    ("longest", "longest"),
    ("failed", "failed"),
)
_BAD: Final = ("failed", "lost", "doubled", "refused")
"""Columns in which another number than 0 is no good."""


class Cell(NamedTuple):
    """A figure of the table."""

    text: str
    bad: bool


def html(summary: dict[str, Any], timeline: list[dict[str, Any]], failures: list[dict[str, Any]]) -> str:
    """Return the whole page."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    good = spotless(summary)
    return templates.get_template(
        _TEMPLATE
    ).render(
        summary=summary,
        good=good,
        verdict="No request failed." if good else _verdict(summary),
        plot=Markup(svg(timeline, summary["operations"])),  # noqa: S704 - it escapes what it shows
        key=_KEY,
        headings=HEADINGS,
        table=_table(summary),
        remarks=remarks(summary),
        failures=[describe(failure) for failure in failures[:_FAILURES_SHOWN]],
    )


def _verdict(summary: dict[str, Any]) -> str:
    counted = summary.get("ledger", {"lost": 0, "doubled": 0})
    failed = f"{summary['failed']} of {summary['requests']} requests failed"
    return f"{failed}, {counted['lost']} lost, {counted['doubled']} doubled."


def _table(summary: dict[str, Any]) -> list[tuple[str, list[Cell]]]:
    """Return each row's name, operations with the numbers that they have in the plot, and its figures."""
    last_operation = len(summary["operations"])
    table = []
    for number, row in enumerate(rows(summary), 1):
        name = f"{number}. {row[0]}" if number <= last_operation else row[0]
        cells = zip(HEADINGS[1:], row[1:], strict=True)
        table.append(
            (name, [Cell(text, heading in _BAD and text not in ("0", "-")) for heading, text in cells])
        )
    return table
