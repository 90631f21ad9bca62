"""What the roles run on a host without Ansible's modules: the same, whether the connection passes a standard input or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import play

REPOSITORY = Path(__file__).parents[2]
DEADLINE = 120
"""Seconds for a playbook of some tasks, whatever else the machine does."""
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  environment: {GREETING: good day}
  vars: {who: you, ansible_python_interpreter: PYTHON}
  tasks:
    - run_program:
        argv: [sh, -c, 'echo "$GREETING, $(cat)" in "${PWD##*/}"; echo odd >&2; exit 3']
        stdin: w\u00f6rld
        chdir: FOLDER
      register: text
      failed_when: text.rc != 3
    - run_program: {argv: [tar, --list], stdin_file: FOLDER/a.tar}
      register: file
      changed_when: false
    - run_program: {argv: [no-such-program]}
      register: missing
      failed_when: missing.rc == 0
    - place_files:
        entries:
          - {path: FOLDER/made, folder: true, mode: "0700"}
          - {path: FOLDER/made/text, template: FOLDER/text.j2, vars: {what: tea}, mode: "0600"}
      register: placed
    - place_files:
        entries: [{path: FOLDER/made/text, content: "other\\n"}]
      check_mode: true
      diff: true
      register: checked
    - place_files:
        entries: [{path: FOLDER/made/text, content: hush}]
      no_log: true
      diff: true
      register: hidden
    - copy: {dest: FOLDER/told.json, content: "{{ [text, file, missing, placed, checked, hidden] | to_json }}"}
"""


HOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: PYTHON, repository: FOLDER, instance_name: a, instance_release: b}
  tasks:
    - ansible.builtin.include_tasks: TASKS/hook.yml
      vars:
        instance_hook:
          name: warm
          where: controller
          command: [sh, -c, "while [ ! -e end ]; do sleep 0.1; done & echo $! > began"]
"""


def test_what_a_hook_leaves_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    """It has the hook's output still open."""
    tasks = REPOSITORY / "roles/instance/tasks"
    text = HOOK.replace("FOLDER", str(tmp_path)).replace("TASKS", str(tasks))
    (tmp_path / "play.yml").write_text(text.replace("PYTHON", sys.executable))
    try:
        play(tmp_path / "play.yml", "-i", "localhost,", timeout=DEADLINE, ANSIBLE_STDOUT_CALLBACK="default")
        os.kill(int((tmp_path / "began").read_text()), 0)
    finally:
        (tmp_path / "end").touch()


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_programs_run_with_and_without_a_standard_input(tmp_path: Path, pipelining: str) -> None:
    (tmp_path / "text.j2").write_text("{{ what }} for {{ who }}\n")
    (tmp_path / "play.yml").write_text(
        PLAY.replace("FOLDER", str(tmp_path)).replace("PYTHON", sys.executable)
    )
    subprocess.run(["tar", "-cf", "a.tar", "text.j2"], cwd=tmp_path, check=True)
    play(
        tmp_path / "play.yml",
        "-i",
        "localhost,",
        timeout=DEADLINE,
        ANSIBLE_STDOUT_CALLBACK="default",
        ANSIBLE_PIPELINING=pipelining,
    )
    told = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    text, file, missing, placed, checked, hidden = told
    assert (text["rc"], text["stdout"], text["stderr"]) == (3, f"good day, wörld in {tmp_path.name}", "odd")
    assert file["stdout_lines"] == ["text.j2"]
    assert missing["rc"] != 0
    assert pipelining == "false" or "no-such-program" in missing["stderr"]
    assert placed["paths"] == [f"{tmp_path}/made", f"{tmp_path}/made/text"]
    assert (tmp_path / "made/text").read_text() == "hush"
    assert (hidden["paths"], hidden["before"], hidden["diff"]) == ([f"{tmp_path}/made/text"], {}, [])
    assert (tmp_path / "made/text").stat().st_mode & 0o777 == 0o600
    assert differences(checked) == [("tea for you\n", "other\n")]


def differences(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["before"], each["after"]) for each in result["diff"]]
