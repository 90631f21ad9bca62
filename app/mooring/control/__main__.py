"""The command line. Exit status: 0 done, 1 refused or failed (the reason is on stderr), 2 wrong usage."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from mooring.control import checkfile, gate, restart, settle, status, update
from mooring.control.alone import alone
from mooring.control.errors import ControlError
from mooring.control.server import Server


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    given = _parser().parse_args(arguments)
    try:
        result, text = given.run(given)
    except ControlError as error:
        _progress(str(error))
        return 1
    print(json.dumps(result) if given.json else text)
    return 0


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _server(given: argparse.Namespace) -> Server:
    if given.server is None:
        raise ControlError("--server is missing: unix:// and the path of supervisord's socket")
    return Server(given.server)


def _run_dir(given: argparse.Namespace) -> Path:
    if given.run_dir is None:
        raise ControlError("--run-dir is missing: the instance's folder of private sockets")
    return Path(given.run_dir)


def _alone(given: argparse.Namespace) -> AbstractContextManager[None]:
    """Keep other commands that change the instance out; without --run-dir it is not known which instance that is."""
    return alone(Path(given.run_dir), _progress) if given.run_dir else nullcontext()


def _update(given: argparse.Namespace) -> tuple[Any, str]:
    with _alone(given):
        done = update.update(_server(given), given.groups, given.timeout, _progress)
    return done, "done" if done["changed"] else "nothing to do"


def _gate(given: argparse.Namespace) -> tuple[Any, str]:
    group = f"{given.instance}-{given.colour}"
    expected = gate.Expected(group, given.release, given.workers)
    ready = gate.gate(_server(given), _run_dir(given), expected, given.timeout, _progress)
    pids = {process.full_name: process.pid for process in ready}
    return {"ready": len(pids), "pids": pids}, f"{len(pids)} of {given.workers} workers of {group} are ready"


def _restart(given: argparse.Namespace) -> tuple[Any, str]:
    timeouts = (given.timeout, given.drain_timeout)
    with _alone(given):
        done = restart.restart(_server(given), _run_dir(given), given.instance, timeouts, _progress)
    return {"restarted": done}, f"{len(done)} workers restarted"


def _status(given: argparse.Namespace) -> tuple[Any, str]:
    found = status.status(_server(given), _run_dir(given), given.instance)
    return found, status.as_text(found)


def _settle(given: argparse.Namespace) -> tuple[Any, str]:
    timeouts = (given.timeout, given.drain_timeout)
    with _alone(given):
        done = settle.settle(_server(given), given.home, given.conf_dir, timeouts, _progress)
    return done, f"{done['live']['colour']} serves release {done['live']['release']}"


def _clear(given: argparse.Namespace) -> tuple[Any, str]:
    with _alone(given):
        done = settle.clear(_server(given), given.instance, given.conf_dir, given.timeout, _progress)
    return done, "removed " + (", ".join(done["removed"]) or "nothing")


def _wait_process(given: argparse.Namespace) -> tuple[Any, str]:
    run_dir = given.run_dir and Path(given.run_dir)
    process = gate.wait_process(_server(given), run_dir, given.name, given.timeout, _progress)
    return {"name": process.full_name, "pid": process.pid}, f"{process.full_name} runs (pid {process.pid})"


def _wait_server(given: argparse.Namespace) -> tuple[Any, str]:
    pid = _server(given).wait(given.timeout)
    return {"pid": pid}, f"supervisord answers (pid {pid})"


def _check_file(given: argparse.Namespace) -> tuple[Any, str]:
    groups = checkfile.check_file(given.file)
    return {"groups": groups}, f"{given.file}: " + ", ".join(f"{g} ({n})" for g, n in groups.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mooring.control",
        description="Steer one instance by its supervisord. Exit status: 0 done, 1 refused or failed (the"
        " reason is on stderr), 2 wrong usage.",
    )
    parser.add_argument("--server", metavar="URL", help="supervisord's socket: unix:///…/supervisor.sock")
    parser.add_argument("--run-dir", metavar="DIR", help="folder of the instance's private sockets")
    parser.add_argument(
        "--json", action="store_true", help="print the result as JSON (progress goes to stderr)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, about: str, timeout: float | None = 60) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=about, description=about)
        one.set_defaults(run=run)
        if timeout is not None:
            one.add_argument(
                "--timeout", type=float, default=timeout, metavar="S", help=f"seconds, default {timeout:g}"
            )
        return one

    def drain(one: argparse.ArgumentParser) -> None:
        one.add_argument("--drain-timeout", type=float, default=600, metavar="S", help="seconds, default 600")

    one = command("update", _update, "add, replace or remove exactly these groups, as configured", 600)
    one.add_argument("groups", nargs="+", metavar="GROUP", help="for example multicloud-blue")
    one = command("gate", _gate, "wait until N of N workers of a colour are ready, or say why not")
    one.add_argument("--instance", required=True)
    one.add_argument("--colour", required=True, choices=restart.COLOURS)
    one.add_argument("--release", required=True, help="id of the release that the workers must run")
    one.add_argument("--workers", required=True, type=int, metavar="N")
    one = command(
        "settle", _settle, "bring the processes to what live.json says, after whatever has happened"
    )
    one.add_argument("--home", required=True, type=Path, help="the instance's folder")
    one.add_argument("--conf-dir", required=True, type=Path, help="the folder of supervisord's program files")
    drain(one)
    one = command("clear", _clear, "drain and remove all processes and program files of an instance", 600)
    one.add_argument("--instance", required=True)
    one.add_argument("--conf-dir", required=True, type=Path, help="the folder of supervisord's program files")
    one = command("restart", _restart, "restart the workers one at a time, each ready before the next")
    one.add_argument("--instance", required=True)
    drain(one)
    one = command("status", _status, "tell what runs of an instance, and how it is", None)
    one.add_argument("--instance", required=True)
    one = command("wait-process", _wait_process, "wait until a process is RUNNING and ready, or say why not")
    one.add_argument("name", metavar="NAME", help="for example multicloud-bootstrap or multicloud-blue:0")
    command("wait-server", _wait_server, "wait until supervisord answers")
    one = command("check-file", _check_file, "check a configuration file by supervisord's own parser", None)
    one.add_argument("file", type=Path, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
