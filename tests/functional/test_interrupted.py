"""Ctrl-C ends a playbook, whenever it comes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.places import REPOSITORY

PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - ansible.builtin.command: "true"
    - ansible.builtin.file: {path: "{{ playbook_dir }}/changed", state: touch, mode: "0600"}
"""
INTERRUPTING = """
import os, signal
from ansible.plugins.callback import CallbackBase

CTRL_C = [signal.SIGINT]

def interrupt():
    if CTRL_C:
        os.kill(os.getpid(), CTRL_C.pop())

class CallbackModule(CallbackBase):
    CALLBACK_NAME, CALLBACK_NEEDS_ENABLED = "interrupting", True

    def v2_playbook_on_play_start(self, play):
        os.register_at_fork(before=interrupt)
"""
"""Has Ctrl-C come while Ansible forks a process for its first task."""


@pytest.mark.parametrize("verbose", [[], ["-v"]], ids=["summary", "verbose"])
def test_ctrl_c_while_a_process_is_forked_ends_the_run(tmp_path: Path, verbose: list[str]) -> None:
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    (tmp_path / "interrupting.py").write_text(INTERRUPTING)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            "localhost,",
            *verbose,
            "play.yml",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(tmp_path),
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
            "ANSIBLE_CALLBACKS_ENABLED": "interrupting",
            "ANSIBLE_STDOUT_CALLBACK": "mooring.mooring.summary",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 99, done.stdout + done.stderr
    assert not (tmp_path / "changed").exists()
    assert "Interrupted" in done.stdout or verbose
