"""The command line of `run`: where to send, how much, and where to write what came of it."""

from __future__ import annotations

import argparse
import fcntl
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mooring_load import control, tls
from mooring_load.destination import Destination, resolve
from mooring_load.kind_options import add_kinds
from mooring_load.kinds import Kind, check_header
from mooring_load.usage import UsageError

UNTIL_STOPPED_AT_MOST: Final = 7200.0
"""Seconds after which a run that waits for its stop ends by itself: no load goes on unwatched for ever."""
MOST_REQUESTS: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run does. Seconds and requests per second; `rate` 0 is a closed loop."""

    destination: Destination
    kinds: list[Kind]
    out: Path
    control: Path
    duration: float
    max_requests: int
    end_with: int | None
    new: int
    kept: int
    rate: float
    kept_pause: float
    timeout: float
    retry_idle: bool
    id_header: str
    holder_header: str
    count_files: list[Path]
    command: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    where = parser.add_argument_group("where to")
    where.add_argument(
        "--url", required=True, help="http[s]://host[:port][/base]; the base stands before every path"
    )
    where.add_argument(
        "--unix-socket", metavar="PATH", help="connect here; the URL gives the Host header and the base"
    )
    where.add_argument("--host", metavar="NAME", help="the Host header instead of the URL's")
    where.add_argument("--tls-ca", type=Path, metavar="FILE", help="trust these authorities (PEM) alone")
    where.add_argument("--insecure", action="store_true", help="trust whatever certificate is shown")
    where.add_argument(
        "--allow", metavar="HOST", action="append", default=[], help="a public host that is yours"
    )
    much = parser.add_argument_group("how much")
    much.add_argument("--duration", type=float, metavar="S", help="seconds")
    much.add_argument(
        "--until-stopped", action="store_true", help="until `stop`, SIGTERM or SIGINT (2 hours at most)"
    )
    much.add_argument(
        "--end-with", type=int, metavar="PID", help="end when this process has ended, at the latest"
    )
    much.add_argument(
        "--max-requests", type=int, metavar="N", default=MOST_REQUESTS, help="end after so many"
    )
    much.add_argument(
        "--new", type=int, metavar="N", default=4, help="clients that connect for each request (4)"
    )
    much.add_argument(
        "--kept", type=int, metavar="N", default=8, help="clients that keep their connection (8)"
    )
    much.add_argument(
        "--kept-pause", type=float, metavar="MS", default=0, help="milliseconds that kept ones idle (0)"
    )
    much.add_argument(
        "--rate", type=float, metavar="R", default=0, help="requests/s, due by the clock (closed loop)"
    )
    much.add_argument(
        "--timeout", type=float, metavar="S", default=10, help="for one request, connecting included (10)"
    )
    add_kinds(parser)
    rest = parser.add_argument_group("failures and records")
    rest.add_argument(
        "--retry-idle", action="store_true", help="repeat a GET once that a kept connection's close crossed"
    )
    rest.add_argument("--id-header", metavar="NAME", default="X-Request-Id", help="carries each request's id")
    rest.add_argument(
        "--holder-header",
        metavar="NAME",
        default="X-Load-Worker",
        help="the response's header with its worker",
    )
    rest.add_argument(
        "--count-file", type=Path, metavar="FILE", action="append", default=[], help="the application's count"
    )
    rest.add_argument(
        "--out", type=Path, metavar="DIR", required=True, help="where to write the records and the summary"
    )
    rest.add_argument("--control", type=Path, metavar="PATH", help="the control socket (DIR/control.sock)")
    rest.add_argument("--quiet", action="store_true", help="print no table at the end")


def checked(arguments: argparse.Namespace, command: list[str]) -> RunOptions:
    """Return the options of a run, or raise UsageError; makes the folder of the records."""
    destination = resolve(
        arguments.url,
        arguments.unix_socket,
        frozenset(arguments.allow),
        lambda: tls.context(arguments.tls_ca, arguments.insecure),
    )
    if arguments.host:
        check_header("--host", f"Host: {arguments.host}")
        destination = replace(destination, host=arguments.host)
    if (arguments.duration is None) != arguments.until_stopped:
        raise UsageError("say how long: either --duration SECONDS or --until-stopped")
    if not arguments.kinds:
        raise UsageError(
            "say what to send: --get PATH, --post PATH (several of them if you like), or --counting"
        )
    for name, least in (("new", 0), ("kept", 0), ("max_requests", 1), ("rate", 0), ("kept_pause", 0)):
        if getattr(arguments, name) < least:
            raise UsageError(f"--{name.replace('_', '-')} {getattr(arguments, name)}: want {least} or more")
    if arguments.timeout <= 0 or (arguments.duration is not None and arguments.duration <= 0):
        raise UsageError("--timeout and --duration: want more than 0 seconds")
    if arguments.new + arguments.kept < 1:
        raise UsageError("--new and --kept are both 0: nobody would send anything")
    if arguments.rate and arguments.kept_pause:
        raise UsageError("--rate says when requests are due, so --kept-pause cannot: leave one of them out")
    if arguments.end_with is not None and arguments.end_with < 1:
        raise UsageError(f"--end-with {arguments.end_with}: want a process id")
    for option in ("id_header", "holder_header"):
        check_header(f"--{option.replace('_', '-')}", f"{getattr(arguments, option)}: x")
    control_path = arguments.control or arguments.out / "control.sock"
    control.check_path(control_path)
    for kind in arguments.kinds:
        kind.prepare(destination.host, destination.base)
    _take(arguments.out)
    control.check_free(control_path)
    return RunOptions(
        destination=destination,
        kinds=arguments.kinds,
        out=arguments.out,
        control=control_path,
        duration=arguments.duration or UNTIL_STOPPED_AT_MOST,
        max_requests=arguments.max_requests,
        end_with=arguments.end_with,
        new=arguments.new,
        kept=arguments.kept,
        rate=arguments.rate,
        kept_pause=arguments.kept_pause / 1000,
        timeout=arguments.timeout,
        retry_idle=arguments.retry_idle,
        id_header=arguments.id_header,
        holder_header=arguments.holder_header,
        count_files=arguments.count_file,
        command=command,
    )


def _take(folder: Path) -> None:
    """Make the folder, and keep other runs out of it until this process ends; UsageError if one is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        fcntl.flock(os.open(folder, os.O_RDONLY | os.O_CLOEXEC), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"--out {folder}: another run writes there; stop it, or name another folder"
        ) from None
