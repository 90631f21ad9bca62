"""What ansible-doc says of `mooring.mooring.host`; its action in plugins/action runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host
short_description: Have the host do what Mooring does on one host
description:
  - Makes one call of C(mooring.host.calls), with its typed arguments.
  - A call takes the instance's lock itself; within a run that has taken it by M(instance_lock), it goes in as that run's.
  - In check mode a call that only looks runs as ever, one that can tell what it would do tells it. Any other is skipped.
options:
  call: {description: The call's name., type: str, required: true}
  arguments: {description: "Its arguments; those of C(entries) may have C(template) and C(vars).", type: dict}
  virtualenv:
    description:
      - The virtualenv on the host in which a call runs that needs Mooring installed.
      - By default that which supervisord runs from, C(mooring_root/supervisor/venv).
    type: path
  stdin_file: {description: "A file of the controller that follows the call: a bundle.", type: path}
"""

RETURN = r"""
answer: {description: What the call has answered., type: dict, returned: success}
progress: {description: What it has told meanwhile., type: list, returned: always}
status: {description: "The exit status, as of mooringctl.", type: int, returned: always}
"""
