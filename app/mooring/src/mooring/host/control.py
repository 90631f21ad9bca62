"""The steps of a switch one by one, as a command line of their own: tests call them so. Operators have `mooring.host.cli`.

Exit status: 0 done, 1 refused or failed (the reason is on stderr), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from mooring import family, process, settings, texts
from mooring.host import checkfile, gate, reconcile, restart, status, survey, switch, update, verify
from mooring.host.alone import alone
from mooring.host.errors import HostError
from mooring.host.instance import COLOURS, Instance
from mooring.host.lastwords import Marks
from mooring.host.place import put
from mooring.host.server import Server


def main(arguments: list[str] | None = None) -> int:
    """Run one command."""
    given = _parser().parse_args(arguments)
    try:
        result, text = given.run(given)
    except HostError as error:
        _progress(str(error))
        return 1
    texts.write_lines(sys.stdout, json.dumps(result) if given.json else text)
    return 0


def _progress(line: str) -> None:
    texts.write_lines(sys.stderr, line)


def _server(given: argparse.Namespace) -> Server:
    if given.server is None:
        raise HostError("--server is missing: unix:// and the path of supervisord's socket")
    return Server(given.server)


def _run_dir(given: argparse.Namespace) -> Path:
    if given.run_dir is None:
        raise HostError("--run-dir is missing: the instance's folder of status sockets")
    return Path(given.run_dir)


def _alone(given: argparse.Namespace) -> AbstractContextManager[None]:
    """Keep other commands that change the instance out; without --run-dir it is not known which instance that is."""
    return alone(Path(given.run_dir), _progress) if given.run_dir else nullcontext()


def _instance(given: argparse.Namespace) -> Instance:
    return Instance(given.instance, given.home, given.conf_dir, _server(given).control)


def _update(given: argparse.Namespace) -> tuple[Any, str]:
    with _alone(given):
        done = update.update(_server(given), given.groups, given.timeout, _progress, fresh=given.fresh)
    return done, "done" if done["changed"] else "nothing to do"


def _gate(given: argparse.Namespace) -> tuple[Any, str]:
    group = f"{given.instance}-{given.colour}"
    expected = gate.Expected(group, given.release, given.workers, marks=given.marks)
    ready = gate.gate(_server(given), _run_dir(given), expected, given.timeout, _progress)
    pids = {process.full_name: process.pid for process in ready}
    return {"ready": len(pids), "pids": pids}, f"{len(pids)} of {given.workers} workers of {group} are ready"


def _plan(given: argparse.Namespace) -> tuple[Any, str]:
    with _alone(given) if given.repair else nullcontext():
        done = switch.plan(_instance(given), given.release, given.timeout, repairs=given.repair)
    return done, "\n".join([*done["notes"], done["serving"], done["switch"]])


def _put(given: argparse.Namespace) -> tuple[Any, str]:
    with _alone(given):
        mine = _instance(given)
        source = mine.release(given.release) / f"{given.part}.conf"
        done = {"changed": put(source, mine.program_file(mine.group(given.part)))}
    return done, "done" if done["changed"] else "nothing to do"


def _name_live(given: argparse.Namespace) -> tuple[Any, str]:
    with _alone(given):
        done = switch.name(_instance(given), given.release, given.colour, given.damaged)
    return done, f"{done['colour']} of release {done['release']} is live"


def _take_back(given: argparse.Namespace) -> tuple[Any, str]:
    with _alone(given):
        done = switch.take_back(_instance(given), given.colour, given.timeout, _progress)
    return done, "\n".join([*done["problems"], done["serving"]])


def _serving(given: argparse.Namespace) -> tuple[Any, str]:
    said = survey.serving(_instance(given))
    return {"serving": said}, said


def _verify(given: argparse.Namespace) -> tuple[Any, str]:
    done = verify.verify(_instance(given), given.timeout, _progress)
    return done, f"{done['live']['colour']} serves release {done['live']['release']}"


def _restart(given: argparse.Namespace) -> tuple[Any, str]:
    timeouts = (given.timeout, given.drain_timeout)
    with _alone(given):
        done = restart.restart(_instance(given), timeouts, _progress)
    return {"restarted": done}, f"{len(done)} workers restarted"


def _status(given: argparse.Namespace) -> tuple[Any, str]:
    if given.home and given.conf_dir:
        found = status.whole_status(_instance(given))
    else:
        found = status.status(
            Instance(given.instance, _run_dir(given).parent, _run_dir(given), _server(given).control)
        )
    return found, status.as_text(found)


def _leftovers(given: argparse.Namespace) -> tuple[Any, str]:
    try:
        owner = _run_dir(given).stat().st_uid  # the service user's
    except OSError as error:
        raise HostError(f"--run-dir {given.run_dir}: {error.strerror}") from error
    mark = {settings.variable("instance"): given.instance}
    found = family.orphans(process.title_of(given.instance, ""), mark, owner=owner)
    said = [{"pid": one.pid, "command": one.command} for one in found]
    return said, "\n".join(str(one) for one in found) or "nothing is left"


def _reconcile(given: argparse.Namespace) -> tuple[Any, str]:
    timeouts = (given.timeout, given.drain_timeout)
    with _alone(given):
        done = reconcile.reconcile(_instance(given), given.release, timeouts, _progress)
    return done, f"{done['live']['colour']} serves release {done['live']['release']}"


def _wait_process(given: argparse.Namespace) -> tuple[Any, str]:
    run_dir = given.run_dir and Path(given.run_dir)
    process = gate.wait_process(_server(given), run_dir, given.name, given.timeout, _progress, given.marks)
    return {"name": process.full_name, "pid": process.pid}, f"{process.full_name} runs (pid {process.pid})"


def _wait_server(given: argparse.Namespace) -> tuple[Any, str]:
    pid = _server(given).wait(given.timeout)
    return {"pid": pid}, f"supervisord answers (pid {pid})"


def _check_file(given: argparse.Namespace) -> tuple[Any, str]:
    groups = {str(file): checkfile.check_file(file) for file in given.file}
    said = [f"{file}: " + ", ".join(f"{g} ({n})" for g, n in found.items()) for file, found in groups.items()]
    return {"groups": groups}, "\n".join(said)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mooring.host.control",
        description="Steer one instance by its supervisord. Exit status: 0 done, 1 refused or failed (the"
        " reason is on stderr), 2 wrong usage.",
    )
    parser.add_argument("--server", metavar="URL", help="supervisord's socket: unix:///…/supervisor.sock")
    parser.add_argument("--run-dir", metavar="DIR", help="folder of the instance's status sockets")
    parser.add_argument(
        "--json", action="store_true", help="print the result as JSON (progress goes to stderr)"
    )
    add = _Commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    _instance_commands(add)
    _process_commands(add)
    return parser


class _Commands:
    """Adds commands, and the options that several of them have."""

    def __init__(self, commands: Any) -> None:
        self._commands = commands

    def command(self, name: str, run: Any, about: str, timeout: float | None = 60) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = self._commands.add_parser(name, help=about, description=about)
        one.set_defaults(run=run)
        if timeout is not None:
            one.add_argument(
                "--timeout", type=float, default=timeout, metavar="S", help=f"seconds, default {timeout:g}"
            )
        return one

    def instance(
        self, name: str, run: Any, about: str, timeout: float | None = 60, *, whole: bool = True
    ) -> argparse.ArgumentParser:
        """Add a command for one instance; `whole`: it must be told where its files are."""
        one = self.command(name, run, about, timeout)
        one.add_argument("--instance", required=True, metavar="NAME", help="the instance's name")
        one.add_argument("--home", required=whole, type=Path, metavar="DIR", help="the instance's folder")
        one.add_argument(
            "--conf-dir",
            required=whole,
            type=Path,
            metavar="DIR",
            help="supervisord's folder of program files",
        )
        return one


def _drain(one: argparse.ArgumentParser) -> None:
    one.add_argument("--drain-timeout", type=float, default=600, metavar="S", help="seconds, default 600")


def _release(one: argparse.ArgumentParser, *, needed: bool, about: str) -> None:
    one.add_argument("--release", required=needed, default="", metavar="ID", help=about)


def _marks(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--marks",
        type=lambda text: Marks.from_json(json.loads(text)),
        metavar="JSON",
        help="the `marks` that update has told: of the logs only what came after them is shown",
    )


def _instance_commands(add: _Commands) -> None:
    one = add.instance(
        "plan", _plan, "tell what is live, as asked of the processes, and what a release needs"
    )
    _release(one, needed=False, about="the release that is wanted, default the live one")
    one.add_argument("--repair", action="store_true", help="write live.json again when it is lost or wrong")
    one = add.instance("put", _put, "put a release's program file in place; nothing is started", None)
    _release(one, needed=True, about="the release")
    one.add_argument("part", choices=["bootstrap", *COLOURS])
    one = add.instance("name-live", _name_live, "name a generation live that has passed the gate", None)
    _release(one, needed=True, about="its release")
    one.add_argument("--damaged", nargs="*", default=[], metavar="ID", help="releases that no rollback takes")
    one.add_argument("--colour", required=True, choices=COLOURS)
    one = add.instance(
        "take-back", _take_back, "remove a generation that was refused, and tell what serves", 600
    )
    one.add_argument("--colour", required=True, choices=COLOURS)
    one = add.instance(
        "reconcile", _reconcile, "bring the processes to what is live, after whatever has happened"
    )
    _release(one, needed=False, about="the release that must be live")
    _drain(one)
    one = add.instance("restart", _restart, "restart the workers one at a time, each ready before the next")
    _drain(one)
    one = add.instance("status", _status, "tell what runs of an instance, and how it is", None, whole=False)
    one = add.instance(
        "leftovers", _leftovers, "list what dead workers and companions have left running", None, whole=False
    )
    one = add.instance("serving", _serving, "say in one sentence what serves now", None)
    one = add.instance("verify", _verify, "check that what is live is what it should be; changes nothing")


def _process_commands(add: _Commands) -> None:
    one = add.command("update", _update, "add, replace or remove exactly these groups, as configured", 600)
    one.add_argument("groups", nargs="+", metavar="GROUP", help="for example multicloud-blue")
    one.add_argument("--fresh", action="store_true", help="start again what an earlier run has left of them")
    one = add.command("gate", _gate, "wait until N of N workers of a colour are ready, or say why not")
    one.add_argument("--instance", required=True)
    one.add_argument("--colour", required=True, choices=COLOURS)
    one.add_argument("--release", required=True, help="id of the release that the workers must run")
    one.add_argument("--workers", required=True, type=int, metavar="N")
    _marks(one)
    one = add.command(
        "wait-process", _wait_process, "wait until a process is RUNNING and ready, or say why not"
    )
    one.add_argument("name", metavar="NAME", help="for example multicloud-bootstrap or multicloud-blue:0")
    _marks(one)
    add.command("wait-server", _wait_server, "wait until supervisord answers")
    one = add.command(
        "check-file", _check_file, "check configuration files by supervisord's own parser", None
    )
    one.add_argument("file", type=Path, nargs="+", metavar="FILE")


if __name__ == "__main__":
    sys.exit(main())
