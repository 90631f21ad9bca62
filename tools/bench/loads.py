"""The loads: wrk and ab, run and read. Both are closed loops: a client sends its next request after the last answer.

Connections are kept by wrk. One for each request is made by ab (HTTP/1.0), or by wrk with ``Connection: close``, which takes
less of the processor from the server but counts a failure for each response of a server that closes without saying so
(uWSGI, runserver), though nothing has failed: it is used where every server of a step says so.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parent
ENDLESS = 1_000_000
"""More requests than ab can make in the time that it is given."""
MARGIN = 90
"""Seconds that a load generator may take beyond its time before it is given up."""


class LoadError(RuntimeError):
    """A load generator did not do its work; its own words are in the text."""


@dataclass(frozen=True)
class Load:
    """One load: by wrk for ``seconds``, or by ab for ``seconds`` or ``requests``."""

    name: str
    title: str
    tool: Literal["wrk", "ab"]
    clients: int
    seconds: int = 0
    requests: int = 0
    script: str = "wrk.lua"
    closes: bool = False
    """Whether wrk asks for a connection for each request, as ab always does."""

    def command(self, url: str) -> list[str]:
        """Return the command line."""
        if self.tool == "ab":
            time = (
                ["-t", str(self.seconds)] if self.seconds else []
            )  # sets a number of requests: -n comes after
            number = str(self.requests or ENDLESS)
            return ["ab", "-q", "-r", "-s", "60", *time, "-n", number, "-c", str(self.clients), url]
        words = ["wrk", "-t1", f"-c{self.clients}", f"-d{self.seconds}s", "--timeout", "30s"]
        if self.closes:
            words += ["-H", "Connection: close"]
        return [*words, "-s", str(FOLDER / self.script), url]


@dataclass(frozen=True)
class Outcome:
    """What a load generator has counted. ``failures``: by kind, those that occurred; latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failures: dict[str, int]

    @property
    def rate(self) -> float:
        """Answered requests per second."""
        return self.requests / self.seconds


def read_wrk(text: str) -> Outcome:
    """Read the last line of wrk's output, which our script has written."""
    found = json.loads(text.strip().splitlines()[-1])
    return Outcome(
        found["requests"],
        found["microseconds"] / 1e6,
        found["p50"] / 1000,
        found["p99"] / 1000,
        {kind: count for kind, count in found["errors"].items() if count},
    )


def read_ab(text: str) -> Outcome:
    """Read ab's report. A response of another length than the first is one of its failures, kind Length."""

    def number(pattern: str, missing: float | None = None) -> float:
        found = re.search(pattern, text, re.MULTILINE)
        if found is None:
            if missing is None:
                raise LoadError(f"ab's report has no line like {pattern!r}:\n{text}")
            return missing
        return float(found.group(1))

    failed = int(number(r"^Failed requests:\s+(\d+)"))
    kinds = re.search(r"\(Connect: (\d+), Receive: (\d+), Length: (\d+), Exceptions: (\d+)\)", text)
    names = ("connect", "receive", "length", "exceptions")
    counted = dict(zip(names, map(int, kinds.groups()), strict=True)) if kinds else {"failed": failed}
    counted["status"] = int(number(r"^Non-2xx responses:\s+(\d+)", 0))
    return Outcome(
        int(number(r"^Complete requests:\s+(\d+)")),
        number(r"^Time taken for tests:\s+([\d.]+)"),
        number(r"^\s+50%\s+(\d+)"),
        number(r"^\s+99%\s+(\d+)"),
        {kind: count for kind, count in counted.items() if count},
    )


def run(load: Load, url: str) -> Outcome:
    """Put the load on the URL and return what came of it. Raises LoadError."""
    command = load.command(url)
    limit = MARGIN + load.seconds + load.requests / 200
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"{' '.join(command)}: not done after {limit:.0f} s") from error
    if done.returncode:
        raise LoadError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return read_wrk(done.stdout) if load.tool == "wrk" else read_ab(done.stdout)
