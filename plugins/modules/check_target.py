"""What ansible-doc says of `mooring.mooring.check_target`; its action in plugins/action runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_target
short_description: Check that a target is fit for a command
description:
  - Asks the target for all facts in one step, and fails with one line for each thing that is wrong.
  - Warns of what a deploy had better do in another way.
options:
  command: {description: "What is to be done there.", type: str, required: true, choices: [deploy, build, operate, look, remove]}
  question: {description: What app/mooring/src/mooring/host/probe.py is asked., type: dict}
  facts: {description: "What it has told before, in place of O(question).", type: dict}
  wanted: {description: What the site wants of the target., type: dict, required: true}
"""

RETURN = r"""
facts: {description: What the probe has told., type: dict, returned: always}
root: {description: "mooring_root, as it was asked for.", type: str, returned: always}
python: {description: The interpreter that is chosen there; empty for none., type: dict, returned: always}
workers: {description: How many workers there are to be., type: int, returned: always}
open_files: {description: How many files supervisord and its processes may have open there., type: int, returned: always}
units_serve: {description: Whether systemd has the units running and enabled; true without systemd., type: bool, returned: always}
"""
