"""Ansible callback: refuses a run that would do nothing, because its inventory or `--limit` leaves no host for it.

A callback, and not a task: a task runs on a host, and here there is none. Ansible itself ends such a run with exit status 0.
"""

from __future__ import annotations

from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible.utils.path import unfrackpath

DOCUMENTATION = r"""
name: no_hosts
type: aggregate
short_description: Refuses a run over no hosts
description:
  - Ends a playbook before its first play with one sentence that names the inventory, when none of its plays has a host.
"""
GROUP = "api"


class CallbackModule(CallbackBase):
    """Looks at the plays before the first one begins."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mooring.mooring.no_hosts"

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Refuse. Raises SystemExit, the one way for a callback to end a run."""
        plays = playbook.get_plays()
        manager = plays[0].get_variable_manager()
        inventory = manager._inventory
        if not any(_hosts(play, manager) in (GROUP, [GROUP]) for play in plays):
            return  # not one of ours
        said = ""
        if not inventory.get_hosts(GROUP, ignore_limits=True):
            said = nobody([source if "," in source else unfrackpath(source) for source in inventory._sources])
        elif not any(inventory.get_hosts(_hosts(play, manager)) for play in plays):
            said = (
                f"--limit {context.CLIARGS['subset']} leaves no host for {playbook._file_name.rpartition('/')[2]}: "
                f"the group {GROUP} has {', '.join(map(str, inventory.get_hosts(GROUP, ignore_limits=True)))}. "
                "Name one of these, or leave --limit out. Nothing has been done."
            )
        if said:
            self._display.error(said, wrap_text=False)
            raise SystemExit(1)


def _hosts(play: Any, manager: Any) -> Any:
    return Templar(loader=play._loader, variables=manager.get_vars(play=play)).template(play.hosts)


def nobody(sources: list[str]) -> str:
    """Say that the inventory has no host in the group."""
    return (
        f"The inventory {', '.join(sources)} has no host in the group {GROUP}, the hosts to deploy to. Write them there, as "
        "inventory/local/hosts.yml does, or name another inventory: -i inventory/local. Nothing has been done."
    )
