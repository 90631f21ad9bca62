"""What the operator is told when a roll over hosts has ended early."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PLUGIN = Path(__file__).parents[2] / "playbooks/callback_plugins/roll.py"
BACK = {"roll_back": "ansible-playbook playbooks/rollback.yml"}


@pytest.fixture(scope="module")
def roll() -> ModuleType:
    spec = importlib.util.spec_from_file_location("roll", PLUGIN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_lost_host_in_the_middle(roll: ModuleType) -> None:
    custom = {
        "api1": {"roll": "done", **BACK},
        "api2": {"roll": "checked", **BACK},
        "api3": {"roll": "checked", **BACK},
    }
    said = roll.words(custom, {"api2": 1})
    assert "  failed: api2 (see above)" in said
    assert "  done: api1" in said
    assert "  not begun: api3" in said
    assert "Go on without: the same command with --limit 'all:!api2'" in said
    assert said[-1] == "Go back: ansible-playbook playbooks/rollback.yml --limit api1"


def test_a_failure_at_the_first_host_has_nothing_to_go_back_from(roll: ModuleType) -> None:
    said = roll.words({"api1": {"roll": "checked", **BACK}}, {"api1": 1})
    assert "  done: no host" in said
    assert not [line for line in said if line.startswith(("Go back", "Go on without"))]


def test_a_host_that_failed_after_it_was_done_is_not_called_done(roll: ModuleType) -> None:
    said = roll.words({"api1": {"roll": "done"}, "api2": {"roll": "done"}}, {"api2": 1})
    assert "  done: api1" in said
    assert "  failed: api2 (see above)" in said


@pytest.mark.parametrize(
    ("custom", "lost"),
    [
        ({"api1": {"roll": "done"}}, {}),
        ({}, {"api1": 1}),  # refused by the check: nothing was changed, and Ansible has said why
        ({"api1": {"roll": "done"}}, {"lb1": 1}),
        ({"_run": {"other": 1}}, {"api1": 1}),
    ],
)
def test_nothing_is_said_when_there_is_nothing_to_go_on_with(
    roll: ModuleType, custom: dict[str, dict[str, str]], lost: dict[str, int]
) -> None:
    assert roll.words(custom, lost) == []
