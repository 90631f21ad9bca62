"""Several hosts, all of them this machine: each is prepared before any is switched."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.site import Site, greeter

PLACED = "Place what went into the release, render the program files, and seal it"
SWITCHED = "Start the new generation, let it prove itself, drain the one before"
HOSTS = ("one", "two")


@pytest.fixture
def both() -> Iterator[dict[str, Site]]:
    """Two hosts, each a mooring_root of its own; nothing is deployed."""
    with greeter() as first, greeter() as second:
        first.environment["ANSIBLE_STDOUT_CALLBACK"] = "mooring.mooring.summary"
        yield dict(zip(HOSTS, (first, second), strict=True))


def inventory(both: dict[str, Site], **knobs: dict[str, Any]) -> Path:
    """Write the inventory of both, with some settings more for one of them."""
    hosts = {
        name: {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            **site.knobs,
            "mooring_root": str(site.root),
            "api_port": site.port,
            **knobs.get(name, {}),
        }
        for name, site in both.items()
    }
    path = both["one"].root.parent / "hosts.json"
    path.write_text(json.dumps({"api": {"hosts": hosts}}))
    return path


def run(both: dict[str, Site], playbook: str, *words: str, **knobs: dict[str, Any]) -> tuple[int, str]:
    done = both["one"].run(playbook, "-v", "-i", str(inventory(both, **knobs)), *words, alone=True)
    return done.returncode, done.stdout


def results(output: str) -> list[tuple[str, str, str]]:
    """List what tasks have come to: task, host and result (ok, changed, fatal), in the order of the run."""
    found, task = [], ""
    for line in output.splitlines():
        if named := re.match(r"(?:TASK|RUNNING HANDLER) \[(?:[a-z_.]+ : )?(.*?)\] \*", line):
            task = named[1]
        elif said := re.match(r"(ok|changed|fatal|failed): \[(\w+)", line):
            found.append((task, said[2], said[1]))
    return found


def broken_python(folder: Path) -> Path:
    """Make a Python of the target's that can tell what it is, and makes no virtualenv."""
    path = folder / "python3"
    base = sys.executable if os.geteuid() else "/usr/bin/python3"  # the service user may not see root's own
    path.write_text(
        f"""#!/bin/bash
case "$*" in *"-m venv "*) echo broken on purpose >&2; exit 3 ;; esac
exec -a "$0" {base} "$@"
"""
    )
    path.chmod(0o755)
    return path


def test_all_hosts_are_prepared_before_the_first_is_switched(both: dict[str, Site]) -> None:
    one, two = both["one"], both["two"]
    # A host that cannot be prepared: none is switched, and nothing of the run stays in the way.
    status, output = run(both, "deploy.yml", two={"target_python": str(broken_python(two.root.parent))})
    assert status == 2, output
    assert "broken on purpose" in output, output
    assert SWITCHED not in output
    assert " ".join(output.split()).endswith(
        "The roll has ended early. failed: two (see above) done: no host not begun: one"
        " Go on: fix that and run the same command again; hosts that are done are not touched."
        " Go on without: the same command with --limit 'all:!two'"
    )
    assert list((one.root / "supervisor/venvs").iterdir()), "the other one was prepared meanwhile"
    for site in both.values():
        assert not (site.home / "live.json").exists()
        assert not (site.root / "supervisor/venv").is_symlink()
        assert (site.home / "lock").read_bytes() == b""

    # What was prepared and never switched to is removed like any other.
    status, output = run(both, "playbooks/remove.yml", "--limit", "one")
    assert status == 0, output
    assert not one.root.exists(), [*one.root.rglob("*")]

    # Both, now. When the first is about to be switched, the other's release goes: it is built again, not missed.
    gone = (
        f"test -e '{two.home}/releases' && chmod -R u+w '{two.home}/releases' && rm -r '{two.home}/releases'"
    )
    hook = {"name": "lose", "where": "controller", "command": ["sh", "-c", gone]}
    status, output = run(both, "deploy.yml", one={"hooks_before": [hook]})
    assert status == 0, output
    order = [
        (task, host)
        for task, host, result in results(output)
        if result == "changed" and task in {PLACED, SWITCHED}
    ]
    assert sorted(order[:2]) == [(PLACED, "one"), (PLACED, "two")], "side by side: either is first"
    assert order[2:] == [(SWITCHED, "one"), (PLACED, "two"), (SWITCHED, "two")]
    assert [site.ask()[0] for site in both.values()] == [200, 200]

    # One host differs: the other is neither prepared nor switched.
    status, output = run(both, "deploy.yml", two={"workers": 1})
    assert status == 0, output
    order = [(task, host) for task, host, result in results(output) if result == "changed"]
    assert order == [(PLACED, "two"), (SWITCHED, "two")]
    assert len(two.pids()) == 2

    status, output = run(both, "playbooks/remove.yml")
    assert status == 0, output
    assert not any(site.root.exists() for site in both.values())
