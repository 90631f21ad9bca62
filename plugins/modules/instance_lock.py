"""What ansible-doc says of `mooring.mooring.instance_lock`; its action in plugins/action runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_lock
short_description: Take or give up the lock of an instance, for all calls of this run
description:
  - The record in the lock tells by facts of the kernel which process has it.
  - A run that has ended on the host or on this controller is overtaken; one of another controller only if its id is given.
options:
  root: {description: The folder of Mooring on the host., type: path, required: true}
  instance: {description: The instance's name., type: str, required: true}
  take_over: {description: "The id of a run that has ended, as the refusal tells it.", type: str, default: ""}
  entries: {description: "Folders and files that are placed before, as in M(place_files).", type: list, elements: dict}
  state: {description: Taken or given up., type: str, choices: [present, absent], default: present}
"""

RETURN = r"""
run: {description: The id of this run., type: str, returned: always}
"""
