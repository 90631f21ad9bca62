"""`mooringctl`: the calls of `mooring.host.calls` for an operator on the host, without Ansible.

What a command does is the call's; here is how it is asked for, and how its answer is told. Progress and refusals go to standard
error, the result to standard output, as text or (`--json`) as one JSON object. Playbooks use `python -m mooring.host` instead,
which does not import click.
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mooring import texts
from mooring.host import cli_texts, differences, dispatch, errors, live, operations, where
from mooring.host.calls import find
from mooring.host.cli_options import (
    CHANGES,
    DIFF,
    DRAIN,
    EPILOG,
    KEEP_COUNT,
    LOOKS,
    OPTIONS,
    READY,
    Given,
    complete_release,
    options,
)
from mooring.host.files import WrongFileError
from mooring.host.instance import Instance, Root

NAME = "mooringctl"


@click.group(
    name=NAME,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@options(*OPTIONS)
def commands() -> None:
    """Look at and steer one instance on this host, without Ansible.

    Run it as who deploys, or as root. An option may stand before the command or behind it. `COMMAND --help` tells
    more. Commands that change something take the instance's lock, as playbooks do. Each may be run again: it goes on
    where one that was interrupted has ended.
    """


# --- commands --------------------------------------------------------------------------------------------------


@commands.command()
@LOOKS
def status() -> None:
    """Tell what runs, what serves and what is wrong."""
    _answer("status")


@commands.command()
@LOOKS
def serving() -> None:
    """Say in one sentence what serves now.

    The workers are asked themselves when supervisord is dead or stopped.
    """
    _answer("serving")


@commands.command()
@LOOKS
@READY
def verify() -> None:
    """Check that all is as it should be; changes nothing.

    Looks at the files of the live release, the processes, the API's answer through the port, and the companions.
    """
    _answer("verify", **_gate_timeout())


@commands.command("releases")
@LOOKS
def list_releases() -> None:
    """List the releases, the newest first."""
    _answer("releases")


@commands.command()
@LOOKS
def leftovers() -> None:
    """List what dead workers have left running."""
    _answer("leftovers")


@commands.command()
@click.argument("release", default="previous", shell_complete=complete_release)
@CHANGES
@DIFF
@READY
@DRAIN
def rollback(release: str, drain_timeout: float) -> None:
    """Switch back to RELEASE, or to the one before.

    A damaged release is refused. No request fails: the old workers serve until the new ones are ready.
    """
    _answer("rollback", release=release, drain_timeout=drain_timeout, **_gate_timeout())


@commands.command()
@click.argument("release", shell_complete=complete_release)
@CHANGES
@DIFF
@READY
@DRAIN
def switch(release: str, drain_timeout: float) -> None:
    """Switch to RELEASE, which a deploy has placed here.

    Start its workers beside the old ones, wait until all are ready, then drain the old ones.
    """
    _answer("switch", release=release, drain_timeout=drain_timeout, **_gate_timeout())


@commands.command()
@CHANGES
@READY
@DRAIN
def restart(drain_timeout: float) -> None:
    """Restart the workers, each ready before the next."""
    _answer("restart", drain_timeout=drain_timeout, **_gate_timeout())


@commands.command()
@CHANGES
@DIFF
@READY
@DRAIN
def reconcile(drain_timeout: float) -> None:
    """Clean up what an interrupted run has left.

    Afterwards the live release runs, all of it ready, and nothing beside it.
    """
    _answer("reconcile", drain_timeout=drain_timeout, **_gate_timeout())


@commands.command()
@CHANGES
@KEEP_COUNT
def prune(keep: int) -> None:
    """Remove the oldest releases.

    The live release and the one before it always stay.
    """
    _answer("prune", keep=keep)


@commands.command()
@CHANGES
@DRAIN
@click.option("--remove-data", is_flag=True, help="Remove the application's data as well.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(drain_timeout: float, remove_data: bool, yes: bool) -> None:
    """Drain and remove the instance.

    Nothing serves afterwards. supervisord, units of systemd and load balancers stay as they are:
    playbooks/remove.yml removes those that go with an instance.
    """
    _answer("instance.remove", confirm=not yes, drain_timeout=drain_timeout, remove_data=remove_data)


def _given() -> Given:
    found: Given = click.get_current_context().find_root().ensure_object(Given)
    return found


def _gate_timeout() -> dict[str, Any]:
    timeout = _given().timeout
    return {} if timeout is None else {"gate_timeout": timeout}


def _answer(call: str, *, confirm: bool = False, **arguments: Any) -> None:
    """Make a call and tell its result. HostError; a usage error for an option that the command does not take."""
    given = _given()
    _check_options(given)
    root = where.root(given.root)
    name = where.instance(root, given.instance)
    if call != "instance.remove":  # of which something may be left that is no sign of it
        operations.deployed(root, name)
    mine, (function, looks) = Root(root).instance(name), find(call)
    arguments = {"root": str(root), "instance": name, **arguments}
    if not looks:
        arguments["take_over"] = given.take_over
    if confirm and not given.dry_run:
        _confirm(name, root)
    shown = _program_files(mine) if given.diff and call == "reconcile" else ""
    found = dispatch.run(call, function, arguments, looks=looks, check=given.dry_run, progress=_progress)
    if call == "instance.remove" and not found["there"]:
        raise errors.NothingThereError(f"Nothing of {name} is in {root} on this host.")
    if given.diff and call != "reconcile":
        after = found["release"] if given.dry_run else found["live"]["release"]
        shown = differences.of_releases(mine, found["before"]["release"], after)
    if given.json:
        _write(json.dumps({**found, "diff": shown} if given.diff else found))
    else:
        _write(shown + cli_texts.as_text(call, found, check=given.dry_run))


def _check_options(given: Given) -> None:
    """Refuse an option before the command that it would not obey; one that looks obeys --dry-run as it is."""
    context = click.get_current_context()
    takes = {parameter.name for parameter in context.command.params} | {"dry_run"}
    for name, value in asdict(given).items():
        if value not in (None, False, "") and name not in takes:
            raise click.UsageError(f"{context.info_name} takes no --{name.replace('_', '-')}.")


def _confirm(name: str, root: Path) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(
            "remove asks before it begins, and there is no terminal to ask: --yes, or --dry-run."
        )
    if not click.confirm(f"Drain and remove {texts.plain(name)} in {texts.plain(root)}?", err=True):
        raise errors.HostError("Nothing was removed.")


def _program_files(mine: Instance) -> str:
    """Return what a reconcile changes in program files, as far as live.json can tell."""
    with contextlib.suppress(WrongFileError):
        found = live.read(mine.home)
        return differences.of_program_files(mine, found.release, found.colour)
    return ""


# --- output ----------------------------------------------------------------------------------------------------


def _progress(line: str) -> None:
    """Tell a line; that nobody reads it any more must not end a switch in its middle."""
    try:
        texts.write_lines(sys.stderr, line)
    except OSError:
        texts.discard(sys.stderr)


def _write(text: str) -> None:
    try:
        texts.write_lines(sys.stdout, text)
    except BrokenPipeError:  # `… | head`: the command has done its work
        texts.discard(sys.stdout)


def _refused(error: errors.HostError, *, as_json: bool) -> int:
    _progress(str(error))
    if as_json:
        refused: dict[str, Any] = {"message": texts.plain_lines(error), "status": error.status}
        if isinstance(error, errors.LockedError):
            refused["holder"] = error.holder
        _write(json.dumps({"refused": refused}))
    return error.status


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit status, as `mooring.host.errors` has them."""
    words, given = sys.argv[1:] if arguments is None else arguments, Given()
    try:
        commands.main(words or ["--help"], prog_name=NAME, obj=given, standalone_mode=False)
    except errors.HostError as error:
        return _refused(error, as_json=given.json)
    except click.ClickException as error:
        usage = error.ctx.get_usage() + "\n" if isinstance(error, click.UsageError) and error.ctx else ""
        said = f"{usage}{error.format_message()}\nMore: {NAME} --help"
        return _refused(errors.CallError(said), as_json=given.json)
    except OSError as error:
        return _refused(errors.HostError(f"{error.filename}: {error.strerror}"), as_json=given.json)
    except (click.Abort, KeyboardInterrupt):
        return _refused(errors.StoppedError(), as_json=given.json)
    return errors.DONE


if __name__ == "__main__":
    sys.exit(main())
