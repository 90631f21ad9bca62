"""What ansible-doc says of `mooring.mooring.check_inventory`; its action in plugins/action runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_inventory
short_description: Check all settings of the inventory
description:
  - Runs on the controller, and fails with one line for each thing that is wrong.
  - Warns of variables of the inventory that are close to a setting's name.
options: {}
"""
