"""The phases of a playbook: which of them a task belongs to, by the role and the file that it stands in."""

from __future__ import annotations

WHAT = {
    "Check": "the inventory and the host",
    "Install": "supervisord",
    "Build": "the release",
    "Hooks": "the inventory's own commands",
    "Switch": "new workers prove themselves, then the old ones drain",
    "Restart": "one worker after the other",
    "Verify": "the workers' readiness and the API's answer",
    "Balance": "the load balancers",
    "Prove": "traffic, and one operation after the other",
    "Remove": "the processes, then the files",
}
"""Each phase, and what is done in it."""

# A role's phase, or that of one of its files. "" stays in the phase before: reading and locking are no phase of their own.
_PHASES = {
    "site": "Check",
    "site/known": "",
    "site/done": "",
    "supervisor": "Install",
    "supervisor/pid": "",
    "supervisor/remove": "Remove",
    "supervisor/remove_systemd": "Remove",
    "release": "Build",
    "virtualenv": "",  # supervisord's, or the release's
    "instance": "",
    "instance/main": "Switch",
    "instance/activate": "Switch",
    "instance/switch": "Switch",
    "instance/settle": "Switch",
    "instance/preview": "Switch",
    "instance/hook": "Hooks",
    "instance/restart": "Restart",
    "instance/verify": "Verify",
    "instance/answer": "Verify",
    "instance/companions": "Verify",
    "instance/remove": "Remove",
    "loadbalancer": "Balance",
    "loadbalancer/verify": "Verify",
    "prove": "Prove",
}


def phase(role: str, file: str) -> str:
    """Return the phase of a task by its role and the name of its file without `.yml`; "" for the phase before."""
    return _PHASES.get(f"{role}/{file}", _PHASES.get(role, ""))
