"""What the roles run on a host without Ansible's modules: the same, whether the connection passes a standard input or not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.places import REPOSITORY
from support.site import play

DEADLINE = 120
"""Seconds for a playbook of some tasks, whatever else the machine does."""
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  environment: {GREETING: good day}
  vars: {who: you, ansible_python_interpreter: PYTHON}
  tasks:
    - mooring.mooring.run_program:
        argv: [sh, -c, 'echo "$GREETING, $(cat)" in "${PWD##*/}"; echo odd >&2; exit 3']
        stdin: w\u00f6rld
        chdir: FOLDER
      register: text
      failed_when: text.rc != 3
    - mooring.mooring.run_program: {argv: [tar, --list], stdin_file: FOLDER/a.tar}
      register: file
      changed_when: false
    - mooring.mooring.run_program: {argv: [no-such-program]}
      register: missing
      failed_when: missing.rc == 0
    - mooring.mooring.host:
        call: place
        arguments:
          entries:
            - {path: FOLDER/made, folder: true, mode: "0700"}
            - {path: FOLDER/made/text, template: FOLDER/text.j2, vars: {what: tea}, mode: "0600"}
      register: placed
    - mooring.mooring.host: {call: place, arguments: {entries: [{path: FOLDER/made/text, content: "other\\n"}]}}
      check_mode: true
      diff: true
      register: checked
    - mooring.mooring.host: {call: place, arguments: {entries: [{path: FOLDER/made/text, content: hush}]}}
      no_log: true
      diff: true
      register: hidden
    - mooring.mooring.host: {call: place, arguments: {entry: []}}
      register: wrong
      failed_when: wrong is not failed
    - copy: {dest: FOLDER/told.json, content: "{{ [text, file, missing, placed, checked, hidden, wrong] | to_json }}"}
"""


HOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: PYTHON, site_folder: FOLDER, instance_name: a, instance_release: b}
  tasks:
    - ansible.builtin.include_tasks: REPOSITORY/roles/instance/tasks/hook.yml
      vars:
        instance_hook:
          name: warm
          where: controller
          command: [sh, -c, "while [ ! -e end ]; do sleep 0.1; done & echo $! > began"]
"""


def play_in(folder: Path, text: str, **environment: str) -> None:
    """Run a playbook in a folder, with the words of this file in capitals replaced."""
    for word, instead in (("FOLDER", folder), ("REPOSITORY", REPOSITORY), ("PYTHON", sys.executable)):
        text = text.replace(word, str(instead))
    (folder / "play.yml").write_text(text)
    play(
        folder / "play.yml",
        "-i",
        "localhost,",
        timeout=DEADLINE,
        ANSIBLE_STDOUT_CALLBACK="default",
        **environment,
    )


def test_what_a_hook_leaves_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    """It has the hook's output still open."""
    try:
        play_in(tmp_path, HOOK)
        os.kill(int((tmp_path / "began").read_text()), 0)
    finally:
        (tmp_path / "end").touch()


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_programs_run_with_and_without_a_standard_input(tmp_path: Path, pipelining: str) -> None:
    (tmp_path / "text.j2").write_text("{{ what }} for {{ who }}\n")
    subprocess.run(["tar", "-cf", "a.tar", "text.j2"], cwd=tmp_path, check=True)
    play_in(tmp_path, PLAY, ANSIBLE_PIPELINING=pipelining)
    told = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    text, file, missing, placed, checked, hidden, wrong = told
    assert (text["rc"], text["stdout"], text["stderr"]) == (3, f"good day, wörld in {tmp_path.name}", "odd")
    assert file["stdout_lines"] == ["text.j2"]
    assert missing["rc"] != 0
    assert pipelining == "false" or "no-such-program" in missing["stderr"]
    assert placed["answer"]["paths"] == [f"{tmp_path}/made", f"{tmp_path}/made/text"]
    assert (tmp_path / "made/text").read_text() == "hush"
    assert (hidden["answer"]["paths"], hidden["answer"]["before"], hidden["diff"]) == (
        [f"{tmp_path}/made/text"],
        {},
        [],
    )
    assert (tmp_path / "made/text").stat().st_mode & 0o777 == 0o600
    assert "place takes no entry" in wrong["msg"]
    assert differences(checked) == [("tea for you\n", "other\n")]


INSTALL = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [REPOSITORY/roles/site/vars/main/wiring.yml]
  vars: {ansible_python_interpreter: PYTHON}
  tasks:
    - block:
        - include_role: {name: mooring.mooring.virtualenv, tasks_from: install, rolespec_validate: false}
          vars:
            virtualenv_python: {path: PYTHON}
            virtualenv_bundle: {path: FOLDER/a.tar, sha256: DIGEST, sbom: FOLDER/a.tar}
            virtualenv_folder: FOLDER
            virtualenv_chosen: {name: venv, exists: false, damaged: {}}
      rescue:
        - copy: {dest: FOLDER/told, content: "{{ ansible_failed_result.msg }}"}
"""


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_a_bundle_that_was_replaced_after_it_was_built_is_not_installed(
    tmp_path: Path, pipelining: str
) -> None:
    """Who can write to the controller's cache, or to the place where a slow connection puts the file, replaces it."""
    (tmp_path / "evil").write_text("x")
    subprocess.run(["tar", "-cf", "a.tar", "evil"], cwd=tmp_path, check=True)
    digest = hashlib.sha256(b"the bundle that was built").hexdigest()
    play_in(tmp_path, INSTALL.replace("DIGEST", digest), ANSIBLE_PIPELINING=pipelining)
    assert "the bundle that has arrived is not the one that was built" in (tmp_path / "told").read_text()
    assert not (tmp_path / "venv").exists()
    assert not list((tmp_path / "venv.wheels").iterdir())


def differences(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["before"], each["after"]) for each in result["diff"]]
