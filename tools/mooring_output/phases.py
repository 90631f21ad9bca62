"""The phases of a playbook: which of them a task belongs to, by the role and the file that it stands in."""

from __future__ import annotations

WHAT = {
    "Check": "the inventory and the host",
    "Build": "what is to be installed, on this machine",
    "Install": "supervisord and the release",
    "Hooks": "the inventory's own commands",
    "Switch": "new workers prove themselves, the old ones drain, the API answers through the port",
    "Restart": "one worker after the other",
    "Verify": "the workers' readiness and the API's answer",
    "Balance": "the load balancers",
    "Prove": "traffic, and one operation after the other",
    "Remove": "the processes, then the files",
}
"""Each phase, and what is done in it; in the order in which they come."""

# A role's phase, or that of one of its files. "" stays in the phase before: reading and locking are no phase of their own.
_PHASES = {
    "site": "Check",
    "site/known": "",
    "site/done": "",
    "site/room": "",
    "site/hooks_once": "",
    "virtualenv/bundles": "Build",
    "virtualenv": "Install",
    "supervisor": "Install",
    "supervisor/compare": "",
    "supervisor/remove": "Remove",
    "supervisor/remove_systemd": "Remove",
    "release": "Install",
    "release/digest": "",
    "release/digest_secrets": "",
    "release/intact": "",  # nothing is installed: restart only looks
    "instance": "",
    "instance/switch": "Switch",
    "instance/rollback": "Switch",
    "instance/preview": "Switch",
    "instance/hook": "Hooks",
    "instance/restart": "Restart",
    "instance/verify": "Verify",
    "instance/remove": "Remove",
    "loadbalancer": "Balance",
    "loadbalancer/verify": "Verify",
    "prove": "Prove",
}


def phase(role: str, file: str) -> str:
    """Return the phase of a task by its role and the name of its file without `.yml`; "" for the phase before."""
    return _PHASES.get(f"{role}/{file}", _PHASES.get(role, ""))


def follows(found: str, now: str) -> bool:
    """Tell whether a phase comes after the one under way ("" for none): on the same hosts none comes twice."""
    order = list(WHAT)
    return bool(found) and (not now or order.index(found) >= order.index(now))
