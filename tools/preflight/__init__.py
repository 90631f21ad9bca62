"""Preflight: what is wrong with an inventory, and with a target for it, in sentences, before anything changes.

`inventory(...)` checks the settings by one table, without Ansible; `target(...)` checks what `mooring.host.probe` has
found on a host. Each returns all findings at once, one sentence or two for each: the variable, what is wrong, the
way out. The action plugins of the role site are their only callers: they read the values, and print the sentences.
"""

from preflight.findings import inventory
from preflight.host import notices, open_files, target

__all__ = ["inventory", "notices", "open_files", "target"]
