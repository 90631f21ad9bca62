"""Every role variable stands in defaults, with a comment, and in argument_specs; nothing stands in one alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
ROLES = sorted(path.name for path in (REPOSITORY / "roles").iterdir())


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_argument_specs_name_the_same_variables(role: str) -> None:
    defaults = yaml.safe_load((REPOSITORY / "roles" / role / "defaults/main.yml").read_text())
    specs = yaml.safe_load((REPOSITORY / "roles" / role / "meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    assert sorted(defaults) == sorted(options)
    assert [name for name, option in options.items() if not option.get("description")] == []


@pytest.mark.parametrize("role", ROLES)
def test_each_default_has_a_comment_above_it(role: str) -> None:
    lines = (REPOSITORY / "roles" / role / "defaults/main.yml").read_text().splitlines()
    commented = False
    for line in lines:
        if line.startswith("#"):
            commented = True
        elif not line.strip():
            commented = False
        elif not line.startswith((" ", "---")):
            assert commented, f"{role}: {line} has no comment"


@pytest.mark.parametrize("role", [role for role in ROLES if role != "site"])
def test_role_variables_carry_the_role_s_name(role: str) -> None:
    defaults = yaml.safe_load((REPOSITORY / "roles" / role / "defaults/main.yml").read_text())
    assert [name for name in defaults if not name.startswith(f"{role}_")] == []


def test_the_wiring_reaches_role_variables_alone() -> None:
    wiring = yaml.safe_load((REPOSITORY / "playbooks/vars/wiring.yml").read_text())
    known = {"repository", "mooring_templates"}
    for role in ROLES:
        known |= set(yaml.safe_load((REPOSITORY / "roles" / role / "defaults/main.yml").read_text()))
    assert sorted(set(wiring) - known) == []
