"""What is said when a roll over several hosts has ended early: what is done, and how to go on or back.

The plays tell by `ansible.builtin.set_stats` how far each host is: {"roll": "checked"}, then {"roll": "done"}; and
{"roll_back": …} is the command that undoes this roll, if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def words(custom: Mapping[str, Mapping[str, Any]], lost: Mapping[str, int]) -> list[str]:
    """Say how a roll has ended: nothing when no host that had been checked is among the `lost` (failed or unreachable).

    `custom` maps each host to what the plays have told of it. A roll over one host has no way on or back to tell of.
    """
    told = {host: data for host, data in custom.items() if "roll" in data}
    failed = sorted(host for host in told if host in lost)
    if not failed or len(told) == 1:
        return []
    done = sorted(host for host, data in told.items() if data["roll"] == "done" and host not in lost)
    left = sorted(set(told) - set(done) - set(failed))
    back = next((data["roll_back"] for data in told.values() if data.get("roll_back")), "")
    lines = [
        "The roll has ended early.",
        f"  failed: {', '.join(failed)} (see above)",
        f"  done: {', '.join(done) or 'no host'}",
        f"  not begun: {', '.join(left) or 'no host'}",
        "Go on: fix that and run the same command again; hosts that are done are not touched.",
    ]
    if left:
        without = ":".join(f"!{host}" for host in failed)
        lines.append(f"Go on without: the same command with --limit 'all:{without}'")
    if back and done:
        lines.append(f"Go back: {back} --limit {','.join(done)}")
    return lines
