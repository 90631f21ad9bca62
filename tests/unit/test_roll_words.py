"""What the operator is told when a roll over hosts has ended early."""

from __future__ import annotations

import pytest

from mooring_output import roll

BACK = {"roll_back": "ansible-playbook playbooks/rollback.yml"}


def test_a_lost_host_in_the_middle() -> None:
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


def test_a_failure_at_the_first_host_has_nothing_to_go_back_from() -> None:
    said = roll.words({host: {"roll": "checked", **BACK} for host in ("api1", "api2")}, {"api1": 1})
    assert "  done: no host" in said
    assert not [line for line in said if line.startswith("Go back")]


def test_a_host_that_failed_after_it_was_done_is_not_called_done() -> None:
    said = roll.words({"api1": {"roll": "done"}, "api2": {"roll": "done"}}, {"api2": 1})
    assert "  done: api1" in said
    assert "  failed: api2 (see above)" in said


@pytest.mark.parametrize(
    ("custom", "lost"),
    [
        ({"api1": {"roll": "done"}, "api2": {"roll": "done"}}, {}),
        ({"api1": {"roll": "checked", **BACK}}, {"api1": 1}),  # one machine: no host to go on with
        ({}, {"api1": 1}),  # refused by the check: nothing was changed, and Ansible has said why
        ({"api1": {"roll": "done"}}, {"lb1": 1}),
        ({"_run": {"other": 1}}, {"api1": 1}),
    ],
)
def test_nothing_is_said_when_there_is_nothing_to_go_on_with(
    custom: dict[str, dict[str, str]], lost: dict[str, int]
) -> None:
    assert roll.words(custom, lost) == []
