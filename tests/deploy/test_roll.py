"""A roll that ends early, as Ansible itself runs it: three hosts, one after another, all of them this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.places import REPOSITORY

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.set_stats:
        per_host: true
        aggregate: false
        data: {roll: checked, roll_back: ansible-playbook playbooks/rollback.yml}
- hosts: all
  gather_facts: false
  connection: local
  serial: 1
  tasks:
    - ansible.builtin.fail: {msg: broken on purpose}
      when: inventory_hostname == lost
    - ansible.builtin.import_role: {name: mooring.mooring.site, tasks_from: done, rolespec_validate: false}
"""


def roll(folder: Path, lost: str) -> tuple[int, str]:
    """Run the roll, which fails on the host `lost`; its exit status, and what it says."""
    playbook = folder / "roll.yml"
    playbook.write_text(PLAYBOOK)
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "ansible-playbook", playbook),
            *("-i", "api1,api2,api3", "-e", f"lost={lost}"),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout.strip()


def test_a_host_that_fails_alone_in_its_batch_ends_the_roll_and_all_is_said(tmp_path: Path) -> None:
    status, said = roll(tmp_path, "api2")
    assert status == 2
    assert said.splitlines()[:2] == ["FAILED: api2: ansible.builtin.fail", "  broken on purpose"]
    assert said.splitlines()[2:-1] == [
        "The roll has ended early.",
        "  failed: api2 (see above)",
        "  done: api1",
        "  not begun: api3",
        "Go on: fix that and run the same command again; hosts that are done are not touched.",
        "Go on without: the same command with --limit 'all:!api2'",
        "Go back: ansible-playbook playbooks/rollback.yml --limit api1",
    ]


def test_a_roll_that_did_all_says_nothing(tmp_path: Path) -> None:
    status, said = roll(tmp_path, "nobody")
    assert status == 0
    assert "roll" not in said
