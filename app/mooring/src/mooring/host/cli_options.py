"""The options and arguments of `mooringctl`, and how a shell completes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from mooring.host import errors, releases, where
from mooring.host.gate import Timeouts
from mooring.host.instance import Root

KEPT = 5
"""Releases that a prune leaves when it is not told how many; as `releases_kept` of the inventory."""


@dataclass
class Given:
    """What the options say that stand before a command or behind it."""

    root: Path | None = None
    instance: str = ""
    json: bool = False
    dry_run: bool = False
    diff: bool = False
    timeout: float | None = None
    take_over: str = ""


class Seconds(click.FloatRange):
    """A number of seconds: neither negative, nor infinite, nor no number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; a usage error for what is none."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return number


# --- completion: never an error, for it is shown in the middle of a line ---------------------------------------


def _completed(
    context: click.Context, names: Callable[[Path, Given], list[str]], begun: str
) -> list[CompletionItem]:
    given = context.find_root().obj or Given()
    try:
        return [
            CompletionItem(name) for name in names(where.root(given.root), given) if name.startswith(begun)
        ]
    except (errors.HostError, OSError):
        return []


def _complete_instance(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    return _completed(context, lambda root, _: Root(root).instances(), begun)


def complete_release(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the id of a release of the instance that is meant."""

    def names(root: Path, given: Given) -> list[str]:
        home = Root(root).instance(where.instance(root, given.instance)).home
        return [str(each["release"]) for each in releases.releases(home)]

    return _completed(context, names, begun)


# --- options ---------------------------------------------------------------------------------------------------


def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Note what an option says; one behind the command is read last, and counts."""
    given = context.find_root().ensure_object(Given)
    if value not in (None, False, "") and parameter.name:
        setattr(given, parameter.name, value)


OPTIONS: dict[str, dict[str, Any]] = {
    "--root": {
        "metavar": "DIR",
        "type": click.Path(path_type=Path),
        "help": "The mooring_root. Default: the one that this program is installed in.",
    },
    "--instance": {
        "metavar": "NAME",
        "shell_complete": _complete_instance,
        "help": "The instance. Default: the only one.",
    },
    "--json": {"is_flag": True, "help": "Print the result, or the refusal, as one JSON object."},
    "--dry-run": {"is_flag": True, "help": "Tell what would be done, and change nothing."},
    "--diff": {"is_flag": True, "help": "Show what changes in release.json and program files."},
    "--timeout": {
        "metavar": "S",
        "type": Seconds(min=0),
        "help": f"Seconds for new workers to become ready, {Timeouts().gate:g} by default.",
    },
    "--take-over": {
        "metavar": "RUN",
        "help": "Take the lock over from this run, which you know has died; the refusal names it.",
    },
}


def options(*names: str) -> Callable[[Any], Any]:
    """Give a command these of `OPTIONS`."""

    def add(function: Any) -> Any:
        for name in reversed(names):
            function = click.option(name, expose_value=False, callback=keep, **OPTIONS[name])(function)
        return function

    return add


LOOKS = options("--root", "--instance", "--json")
CHANGES = options("--root", "--instance", "--json", "--dry-run", "--take-over")
READY = options("--timeout")
DIFF = options("--diff")
DRAIN = click.option(
    "--drain-timeout",
    metavar="S",
    type=Seconds(min=0),
    default=Timeouts().drain,
    show_default=True,
    help="Seconds for old workers to finish what they have.",
)
KEEP_COUNT = click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=1),
    default=KEPT,
    show_default=True,
    help="Releases that stay.",
)
STATUSES = "\n".join(f"  {status:>3}  {meaning}" for status, meaning in errors.STATUSES.items())
EPILOG = f"""\b
Exit status:
{STATUSES}

\b
Completion, for bash (also: zsh_source, fish_source):
  eval "$(_MOORINGCTL_COMPLETE=bash_source mooringctl)"
"""
