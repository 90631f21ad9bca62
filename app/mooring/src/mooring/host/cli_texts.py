"""What `mooringctl` says of a result, for people; with `--json` the result itself is printed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Result = dict[str, Any]


def as_text(call: str, found: Result, *, check: bool) -> str:
    """Return a result of a call as text; `check`: nothing was done, and this is what would be."""
    return (PREVIEWS[call] if check and call in PREVIEWS else TEXTS[call])(found)


def _status(found: Result) -> str:
    return str(found["text"])


def _serving(found: Result) -> str:
    return str(found["serving"])


def _verify(found: Result) -> str:
    return f"All is as it should be. {found['serving']}"


def _leftovers(found: Result) -> str:
    return _lines(
        [f"pid {each['pid']}  {each['command']}" for each in found["leftovers"]], "Nothing is left."
    )


def _releases(found: Result) -> str:
    lines = []
    for each in found["releases"]:
        built = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(each["built"]))
        what = f"{each.get('framework', '')}, {each['workers']} workers"
        lines.append(f"{each['release']}  {built}  {each['role'] or '-':<8}  {what}")
    return _lines(lines, "There is no complete release.")


def _switched(found: Result) -> str:
    live = found["live"]
    if not found["changed"]:
        return f"Nothing to do: release {live['release']} ({live['colour']}) is live, and all is as it should be."
    before = found["before"]["release"]
    said = f"Release {live['release']} ({live['colour']}) is live, and answers."
    return f"{said} Before it was release {before}." if before not in ("", live["release"]) else said


def _would_switch(found: Result) -> str:
    would = found["release"], found["before"]["release"]
    if not found["changed"]:
        return f"Nothing to do: release {would[0]} is live."
    return _lines(
        [*found["notes"], f"Would switch to release {would[0]}: {found['why']}.", found["serving"]], ""
    )


def _restarted(found: Result) -> str:
    lines = [f"{each['name']}: pid {each['old_pid']} -> {each['pid']}" for each in found["restarted"]]
    return "\n".join([*lines, f"{len(lines)} workers were restarted, one after the other."])


def _would_restart(_: Result) -> str:
    return "Would restart all workers of the live generation, one after the other."


def _reconciled(found: Result) -> str:
    live = found["live"]
    said = f"release {live['release']} ({live['colour']}) is live, all of it is ready, and nothing runs beside it."
    return said[0].upper() + said[1:] if found["changed"] else f"Nothing to do: {said}"


def _would_reconcile(found: Result) -> str:
    return _lines([f"Would: {each}." for each in found["would"]], "Nothing to do, as far as can be seen.")


def _pruned(found: Result) -> str:
    return _lines([f"removed: {each}" for each in found["removed"]], "Nothing to remove.")


def _would_prune(found: Result) -> str:
    return _lines([f"would remove: {each}" for each in found["removed"]], "Nothing to remove.")


def _removed(found: Result) -> str:
    return _lines(
        [f"drained: {each}" for each in found["groups"]] + _pruned(found).splitlines() + _left(found), ""
    )


def _would_remove(found: Result) -> str:
    return _lines(_would_prune(found).splitlines() + _left(found), "")


def _left(found: Result) -> list[str]:
    """Tell what a removal leaves."""
    data = ["left: data, which is the application's (--remove-data)"] if found["data_left"] else []
    return [*data, *(f"left: {each}, which is not Mooring's" for each in found["foreign"])]


def _lines(lines: list[str], none: str) -> str:
    return "\n".join(lines) or none


TEXTS: dict[str, Callable[[Result], str]] = {
    "status": _status,
    "serving": _serving,
    "verify": _verify,
    "leftovers": _leftovers,
    "releases": _releases,
    "switch": _switched,
    "rollback": _switched,
    "restart": _restarted,
    "reconcile": _reconciled,
    "prune": _pruned,
    "instance.remove": _removed,
}
PREVIEWS: dict[str, Callable[[Result], str]] = {
    "switch": _would_switch,
    "rollback": _would_switch,
    "restart": _would_restart,
    "reconcile": _would_reconcile,
    "prune": _would_prune,
    "instance.remove": _would_remove,
}
