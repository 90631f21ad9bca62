"""All that can be asked of a host, by name: the one list behind playbooks (the action plugin `host`) and `mooringctl`.

A call is a function of this package with typed arguments: its parameters are what the caller gives, by name, of the types of
their annotations. `check`, `progress` and `data` are not given but handed in (`mooring.host.dispatch`). What it returns is a
JSON object with `changed`. HostError is a refusal.

A bare call needs nothing installed: the controller sends its module, and what that imports of ours, to the host's own Python
(3.8 or newer, its standard library alone). The others run in supervisord's virtualenv: `python -I -m mooring.host`.
Python 3.8's standard library alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mooring.host import errors


@dataclass(frozen=True)
class Call:
    """Where the function of a call stands, and what it does to the host."""

    module: str
    function: str
    bare: bool = False
    looks: bool = False
    """It changes nothing: it runs in check mode as ever. One that changes something runs there if it takes `check`."""


def _bare(module: str, function: str, *, looks: bool = False) -> Call:
    return Call(module, function, bare=True, looks=looks)


def _operation(function: str, *, looks: bool = False) -> Call:
    return Call("operations", function, looks=looks)


CALLS: dict[str, Call] = {
    "probe": _bare("probe", "probe", looks=True),
    "compare": _bare("compare", "compare", looks=True),
    "place": _bare("layout", "place"),
    "lock.take": _bare("lock", "take"),
    "lock.release": _bare("lock", "release"),
    "tree.choose": _bare("integrity", "choose_tree", looks=True),
    "tree.check": _bare("integrity", "check_release", looks=True),
    "tree.seal": _bare("integrity", "seal_tree"),
    "tree.remove": _bare("integrity", "remove_trees"),
    "secrets.digest": _bare("digest", "digest"),
    "virtualenv.install": _bare("virtualenv", "install"),
    "supervisord.find": _bare("daemon", "find", looks=True),
    "supervisord.shutdown": _bare("daemon", "shutdown"),
    "instance.remove": _bare("remove", "remove"),
    "supervisord.start": _operation("start"),
    "supervisord.wait": _operation("wait", looks=True),
    "supervisord.reload": _operation("reload"),
    "release.place": _operation("place_release"),
    "plan": _operation("plan"),
    "switch": _operation("switch"),
    "rollback": _operation("rollback"),
    "restart": _operation("restart"),
    "reconcile": _operation("reconcile"),
    "verify": _operation("verify", looks=True),
    "status": _operation("status", looks=True),
    "serving": _operation("serving", looks=True),
    "leftovers": _operation("leftovers", looks=True),
    "releases": _operation("releases", looks=True),
    "releases.restore": _operation("restore"),
    "prune": _operation("prune"),
}


def find(name: str) -> tuple[Callable[..., dict[str, Any]], bool]:
    """Return the function of a call, and whether it only looks. CallError."""
    call = CALLS.get(name)
    if call is None:
        raise errors.CallError(
            f"Mooring as it is installed on this host knows no call {name}: deploy first with this version of Mooring"
        )
    function: Callable[..., dict[str, Any]] = getattr(
        import_module(f"mooring.host.{call.module}"), call.function
    )
    return function, call.looks
