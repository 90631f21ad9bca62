"""The command line: `python -m mooring_load run | mark | during | status | stop | verify | report`.

Exit status: 0 done and no request failed, lost or doubled (`during`: the command's own); 1 some did, or the
generator could not be reached; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mooring import texts
from mooring_load import control, options, page, report
from mooring_load.run import Run, add_ledger, spotless, write_summary
from mooring_load.usage import UsageError

ANSWER_WITHIN = 30.0
"""Seconds that the generator has to answer a mark or a question."""


def main(argv: list[str] | None = None) -> int:
    """Do one command and return the exit status."""
    words = sys.argv[1:] if argv is None else argv
    arguments = _parser().parse_args(words)
    command: Callable[[argparse.Namespace, list[str]], int] = arguments.function
    try:
        return command(arguments, words)
    except UsageError as error:
        texts.write_line(sys.stderr, f"mooring_load: {error}")
        return 2
    except (control.ControlError, OSError) as error:
        texts.write_line(sys.stderr, f"mooring_load: {error}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mooring_load", description=__doc__.partition("\n")[0] if __doc__ else None
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="drive traffic at a server", description=options.__doc__)
    options.add_arguments(run)
    run.set_defaults(function=_run)
    mark = commands.add_parser("mark", help="tell the running generator that an operation starts or ends")
    _add_control(mark)
    mark.add_argument("name")
    mark.add_argument("edge", choices=("start", "end"))
    mark.set_defaults(function=_mark)
    during = commands.add_parser("during", help="mark the start of an operation, run a command, mark the end")
    _add_control(during)
    during.add_argument("name")
    during.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command and its arguments"
    )
    during.set_defaults(function=_during)
    for word, meaning in (
        ("status", "ask how many requests there were so far"),
        ("stop", "end the run and wait for its summary"),
    ):
        asking = commands.add_parser(word, help=meaning)
        _add_control(asking)
        asking.set_defaults(function=_ask, word=word)
    verify = commands.add_parser("verify", help="compare a run with what the application counted")
    verify.add_argument("folder", type=Path, metavar="DIR")
    verify.add_argument(
        "--count-file", type=Path, metavar="FILE", action="append", required=True, help="one for each host"
    )
    verify.set_defaults(function=_verify)
    show = commands.add_parser("report", help="show a run as a table or a page")
    show.add_argument("folder", type=Path, metavar="DIR")
    show.add_argument("--html", type=Path, metavar="FILE", help="write the page there")
    show.add_argument("--json", action="store_true", help="print the summary instead of the table")
    show.set_defaults(function=_report)
    return parser


def _add_control(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--control", type=Path, required=True, metavar="PATH", help="the control socket of the run"
    )
    parser.add_argument(
        "--wait", type=float, default=0, metavar="S", help="seconds to wait for the generator to come up (0)"
    )


def _run(arguments: argparse.Namespace, words: list[str]) -> int:
    chosen = options.checked(arguments, words)
    summary = asyncio.run(_execute(chosen))
    if not arguments.quiet:
        texts.write_lines(sys.stdout, report.text(summary, report.load_failures(chosen.out)))
    return 0 if spotless(summary) else 1


async def _execute(chosen: options.RunOptions) -> dict[str, object]:
    return await Run(chosen).execute()


def _mark(arguments: argparse.Namespace, _: list[str]) -> int:
    words = f"mark {arguments.name} {arguments.edge}"
    answer = control.ask(arguments.control, words, arguments.wait, ANSWER_WITHIN)
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _during(arguments: argparse.Namespace, _: list[str]) -> int:
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    if not words:
        raise UsageError("during NAME: name the command to run: during NAME -- COMMAND …")
    control.ask(arguments.control, f"mark {arguments.name} start", arguments.wait, ANSWER_WITHIN)
    try:
        return subprocess.run(words, check=False).returncode
    finally:
        control.ask(arguments.control, f"mark {arguments.name} end", 0, ANSWER_WITHIN)


def _ask(arguments: argparse.Namespace, _: list[str]) -> int:
    within = ANSWER_WITHIN if arguments.word == "status" else options.UNTIL_STOPPED_AT_MOST
    answer = control.ask(arguments.control, arguments.word, arguments.wait, within)
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0 if arguments.word == "status" or spotless(answer) else 1


def _verify(arguments: argparse.Namespace, _: list[str]) -> int:
    summary = report.load(arguments.folder)
    add_ledger(summary, arguments.folder, arguments.count_file)
    write_summary(summary, arguments.folder)
    sys.stdout.write(json.dumps(summary["ledger"]) + "\n")
    return 0 if spotless(summary) else 1


def _report(arguments: argparse.Namespace, _: list[str]) -> int:
    summary, failures = report.load(arguments.folder), report.load_failures(arguments.folder)
    if arguments.html:
        arguments.html.write_text(
            page.html(summary, report.load_timeline(arguments.folder), failures), encoding="utf-8"
        )
    if arguments.json:
        sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    else:
        texts.write_lines(sys.stdout, report.text(summary, failures))
    return 0 if spotless(summary) else 1


if __name__ == "__main__":
    sys.exit(main())
