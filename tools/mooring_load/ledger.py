"""Compares what was sent with what the application counted: which POSTs were lost, which were done twice.

The generator keeps a line for each POST (posts.tsv: id, intended time, end, "ok" or the class of failure,
whether a byte of it was sent). The application keeps a line with the id for each POST that it did. A POST is

- lost, if it was answered rightly but not counted, or if it was sent and never answered (its client does not
  know whether it was done; `unanswered_but_counted` says how many of these were);
- doubled, if it was counted more than once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mooring_load.outcome import UNANSWERED

EXAMPLES: Final = 50


@dataclass(frozen=True, slots=True)
class Post:
    """One line of posts.tsv. Times are seconds since the run began."""

    id: str
    start: float
    end: float
    state: str
    sent: bool

    @property
    def unanswered(self) -> bool:
        """Say whether it was sent and got no complete response."""
        return self.sent and self.state in UNANSWERED


def read_posts(path: Path) -> Iterator[Post]:
    """Yield the lines of posts.tsv."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            identifier, start, end, state, sent = line.rstrip("\n").split("\t")
            yield Post(identifier, float(start), float(end), state, sent == "1")


def count_ids(paths: Iterable[Path], run: str) -> tuple[Counter[str], int]:
    """Return how often each id of this run was counted, and how many lines are of other runs."""
    counts: Counter[str] = Counter()
    foreign = 0
    for path in paths:
        with path.open(encoding="utf-8") as file:
            for line in file:
                identifier = line.strip()
                if identifier.startswith(f"{run}-"):
                    counts[identifier] += 1
                elif identifier:
                    foreign += 1
    return counts, foreign


def verify(
    posts: Iterable[Post], counts: Counter[str], foreign: int, operations: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the summary's `ledger`, and put `lost` and `doubled` into each operation of the summary."""
    figures: Counter[str] = Counter()
    examples: dict[str, list[str]] = {"answered_not_counted": [], "unanswered": [], "doubled": []}
    known = 0
    for operation in operations:
        operation["lost"] = operation["doubled"] = 0
    for post in posts:
        times = counts[post.id]
        known += times
        figures["posts"] += 1
        figures["counted"] += times > 0
        figures["unanswered_but_counted"] += post.unanswered and times > 0
        for name in _wrong(post, times):
            figures[name] += 1
            if len(examples[name]) < EXAMPLES:
                examples[name].append(post.id)
            key = "doubled" if name == "doubled" else "lost"
            blamed = _blamed(post, name, operations)
            for operation in blamed:
                operation[key] += 1
            figures[f"{key}_outside_operations"] += not blamed
    return {
        "posts": figures["posts"],
        "counted": figures["counted"],
        "lost": figures["answered_not_counted"] + figures["unanswered"],
        "doubled": figures["doubled"],
        "answered_not_counted": figures["answered_not_counted"],
        "unanswered": figures["unanswered"],
        "unanswered_but_counted": figures["unanswered_but_counted"],
        "lost_outside_operations": figures["lost_outside_operations"],
        "doubled_outside_operations": figures["doubled_outside_operations"],
        "counted_but_never_sent": counts.total() - known,
        "lines_of_other_runs": foreign,
        "examples": examples,
    }


def _wrong(post: Post, times: int) -> list[str]:
    """Return what is wrong with a POST that was counted so many times."""
    wrong = []
    if post.state == "ok" and not times:
        wrong.append("answered_not_counted")
    if post.unanswered:
        wrong.append("unanswered")
    if times > 1:
        wrong.append("doubled")
    return wrong


def _blamed(post: Post, wrong: str, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the operations in which it may have gone wrong: all that the POST overlaps.

    An unanswered one went wrong where it ended, if that was in any. On a busy machine a request waits through several
    operations, and the last is the one that killed its worker.
    """
    overlapping = [each for each in operations if post.start <= each["end"] and post.end >= each["start"]]
    at_its_end = [each for each in overlapping if post.end <= each["end"]]
    return at_its_end if wrong == "unanswered" and at_its_end else overlapping
