"""What ansible-doc says of `mooring.mooring.prove`; its action in plugins/action runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prove
short_description: Prove that no request fails
description:
  - Runs C(python -m prove) on the controller with the variables of the role C(prove) and those of the site, and tells at once
    what it tells.
  - It goes on in a session of its own. When Ansible ends before it, it takes back what it has changed.
options: {}
"""

RETURN = r"""
status: {description: The exit status of C(python -m prove)., type: int, returned: always}
report: {description: The report for people., type: str, returned: always}
"""
