"""What the GitHub workflow and the pre-commit hooks name is there: neither runs in the other tests."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.places import REPOSITORY

WORKFLOWS = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))
HOOKS: list[dict[str, Any]] = [
    hook
    for repository in yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repository["hooks"]
]
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")


def command(words: list[str]) -> list[str]:
    """Leave out what stands before the command itself: sudo, env, their options and variables."""
    while words[0] in {"sudo", "env"} or words[0].startswith("--") or re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    return words


def runnable(word: str) -> bool:
    """Tell whether a word is a program of the repository or of its virtualenv."""
    path = REPOSITORY / word
    return "/" in word and path.is_file() and os.access(path, os.X_OK)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_is_there_and_may_do_little(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 90
        assert "permissions" not in job
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                assert runnable(command(shlex.split(line))[0]), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_named_by_its_commit(path: Path) -> None:
    """A tag may be moved by whoever owns the action."""
    used = [line.split("uses:")[1].strip() for line in path.read_text().splitlines() if "uses:" in line]
    assert used
    assert [each for each in used if not PINNED.match(each)] == []


def test_ci_is_the_one_script() -> None:
    steps = [
        step
        for path in WORKFLOWS
        for job in yaml.safe_load(path.read_text())["jobs"].values()
        for step in job["steps"]
    ]
    assert [shlex.split(step["run"])[-1] for step in steps if "run" in step] == [".ci/run"]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_runs_a_tool_of_the_virtualenv_or_of_the_repository(hook: dict[str, Any]) -> None:
    assert hook["language"] == "system", "another language fetches packages"
    words = command(shlex.split(hook["entry"]))
    assert runnable(words[0]), hook["entry"]
    assert words[0].startswith(".venv/bin/")
    assert all((REPOSITORY / word).exists() for word in words[1:] if "/" in word), hook["entry"]
    if "files" in hook:
        listed = [
            str(path.relative_to(REPOSITORY))
            for part in ("app", "roles", "docs")
            for path in (REPOSITORY / part).rglob("*.*")
        ]
        assert any(re.search(hook["files"], name) for name in listed), (
            "no file of the repository has such a name"
        )


def test_a_hook_checks_nothing_that_make_lint_does_not() -> None:
    make = ["make", "--dry-run", "--always-make", "--old-file=venv", "lint"]
    told = subprocess.run(make, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    tools = {command(shlex.split(line))[0] for line in told.splitlines()}
    hooked = {Path(command(shlex.split(hook["entry"]))[0]).name for hook in HOOKS}
    assert hooked
    assert hooked <= tools
