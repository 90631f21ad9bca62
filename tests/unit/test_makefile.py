"""The Makefile's own rules, with a stand-in for the tool that a task starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.places import REPOSITORY

LOCALES = ("LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LANG", "LANGUAGE")


def told(clone: Path, task: str, variable: str, **environment: str) -> str:
    """Return what an environment variable is for the tools that `make <task>` starts."""
    tools = clone / ".venv/bin"
    tools.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "Makefile", clone)
    for name in ("molecule", "ansible-playbook"):
        tool = tools / name
        tool.write_text(f'#!/bin/sh\necho "${{{variable}-unset}}"\n')
        tool.chmod(0o755)
    done = subprocess.run(
        ["make", "-s", "-o", "venv", "-C", clone, task],
        capture_output=True,
        text=True,
        check=True,
        env={**{name: value for name, value in os.environ.items() if name not in LOCALES}, **environment},
    )
    said = set(done.stdout.splitlines())
    assert len(said) == 1
    return said.pop()


@pytest.mark.parametrize("task", ["molecule", "molecule-pecan", "test-host"])
def test_two_clones_of_one_name_share_no_molecule_folder(tmp_path: Path, task: str) -> None:
    one, other = tmp_path / "one/mooring", tmp_path / "other/mooring"
    assert told(one, task, "ANSIBLE_HOME") != told(other, task, "ANSIBLE_HOME")


def test_ansible_is_told_its_configuration(tmp_path: Path) -> None:
    """By itself it ignores the one of a folder that everybody may write to."""
    clone = tmp_path / "a clone"
    assert told(clone, "status", "ANSIBLE_CONFIG") == str(clone / "ansible.cfg")
    elsewhere = told(clone, "status", "ANSIBLE_CONFIG", ANSIBLE_CONFIG="/etc/ansible/ansible.cfg")
    assert elsewhere == str(clone / "ansible.cfg")


@pytest.mark.parametrize(
    ("locale", "given"),
    [
        ({}, "C.UTF-8"),
        ({"LANG": "xx_YY.UTF-8"}, "C.UTF-8"),
        ({"LC_ALL": "xx_YY.UTF-8"}, "C.UTF-8"),
        ({"LANG": "C.UTF-8", "LC_MESSAGES": "xx_YY.UTF-8"}, "C.UTF-8"),
        ({"LANG": "POSIX"}, "C.UTF-8"),
        ({"LANG": "C.UTF-8"}, "unset"),
    ],
)
def test_a_locale_that_ansible_refuses_is_replaced(
    tmp_path: Path, locale: dict[str, str], given: str
) -> None:
    assert told(tmp_path, "status", "LC_ALL", **locale) == given


def test_ansible_lint_runs_again_after_each_change_and_each_failure(tmp_path: Path) -> None:
    """It takes two minutes: a run that has passed holds until a file that it reads changes, comes or goes."""
    lint = tmp_path / ".venv/bin/ansible-lint"
    lint.parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    for path in (
        "inventory",
        "meta",
        "molecule",
        "playbooks",
        "plugins",
        "roles/one/tasks",
        "templates",
        "requirements",
    ):
        (tmp_path / path).mkdir(parents=True)
    tasks = tmp_path / "roles/one/tasks"
    for path in (
        ".ansible-lint",
        ".ansible-lint-ignore",
        ".yamllint",
        "ansible.cfg",
        "deploy.yml",
        "galaxy.yml",
    ):
        (tmp_path / path).touch()
    (tmp_path / "requirements/controller.txt").touch()

    def linted(status: int = 0) -> bool:
        lint.write_text(f"#!/bin/sh\necho linted\nexit {status}\n")
        lint.chmod(0o755)
        make = ["make", "-s", "-o", "venv", "-C", tmp_path, "lint-ansible"]
        done = subprocess.run(make, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (status == 0)
        return "linted" in done.stdout

    assert linted(status=2)
    assert linted()
    assert not linted()
    (tasks / "main.yml").touch()
    assert linted(status=2)
    assert linted()
    assert not linted()
    (tasks / "main.yml").unlink()
    assert linted()
