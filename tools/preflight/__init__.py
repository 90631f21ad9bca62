"""Preflight: what is wrong with an inventory, and with a target for it, in sentences, before anything changes.

`inventory(...)` checks the settings by one table, without Ansible; `target(...)` checks what `mooring.host.probe` has
found on a host. Each returns all findings at once, one sentence or two for each: the variable, what is wrong, the
way out. The action plugins check_inventory and check_target are their only callers: they read the values, and print the
sentences.
"""

from typing import Any

from preflight import choice
from preflight.findings import inventory
from preflight.host import notices, open_files, target
from preflight.units import Units

__all__ = ["chosen", "inventory", "notices", "open_files", "target"]


def chosen(facts: dict[str, Any], wanted: dict[str, Any], units: Units) -> dict[str, Any]:
    """Return what a site wants of a target, as `target` takes it: with the Python and the workers that are chosen for it."""
    rest = {name: value for name, value in wanted.items() if name not in ("target_python", "unit")}
    return {
        **rest,
        "python": choice.python(facts, str(wanted["target_python"])),
        "workers": choice.workers(facts, wanted["workers"]),
        "socket_unit": units.listen,
        "systemd_error": units.error,
    }
