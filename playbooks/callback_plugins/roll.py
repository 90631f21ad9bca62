"""Ansible callback: says, when a roll has ended before its last host, what is done and how to go on or back.

A callback, and not a task: when all hosts of a batch are lost no task is left to say anything. The plays tell it by
`ansible.builtin.set_stats` how far each host is: {"roll": "checked"}, then {"roll": "done"}; and {"roll_back": …}
is the command that undoes this roll, if there is one.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: roll
type: aggregate
short_description: Says how to go on when a roll over hosts has ended early
description:
  - Prints nothing for a run that did all that it was to do, or that was refused before any host was changed.
"""


class CallbackModule(CallbackBase):
    """Listens to the end of a run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "roll"

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the words, if there is something to say."""
        lost = {**stats.failures, **stats.dark}
        for line in words(stats.custom, lost):
            self._display.display(line)


def words(custom: dict[str, dict[str, Any]], lost: dict[str, int]) -> list[str]:
    """Say how a roll has ended: nothing when no host that had been checked is among the `lost` (failed or unreachable).

    `custom` maps each host to what the plays have told of it.
    """
    told = {host: data for host, data in custom.items() if "roll" in data}
    failed = sorted(host for host in told if host in lost)
    if not failed:
        return []
    done = sorted(host for host, data in told.items() if data["roll"] == "done" and host not in lost)
    left = sorted(set(told) - set(done) - set(failed))
    back = next((data["roll_back"] for data in told.values() if data.get("roll_back")), "")
    lines = [
        "The roll has ended early.",
        f"  failed: {', '.join(failed)} (see above)",
        f"  done: {', '.join(done) or 'no host'}",
        f"  not begun: {', '.join(left) or 'no host'}",
        "Go on: mend that and run the same command again; hosts that are done are not touched.",
    ]
    if left:
        without = ":".join(f"!{host}" for host in failed)
        lines.append(f"Go on without: the same command with --limit 'all:{without}'")
    if back and done:
        lines.append(f"Go back: {back} --limit {','.join(done)}")
    return lines
