"""Every role variable stands in defaults, with a comment, and in argument_specs; nothing stands in one alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from support.places import REPOSITORY

ROLES = sorted(path.name for path in (REPOSITORY / "roles").iterdir())


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_argument_specs_name_the_same_variables(role: str) -> None:
    defaults = yaml.safe_load((REPOSITORY / "roles" / role / "defaults/main.yml").read_text())
    specs = yaml.safe_load((REPOSITORY / "roles" / role / "meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    assert sorted(defaults) == sorted(options)
    assert [name for name, option in options.items() if not option.get("description")] == []


@pytest.mark.parametrize("role", ROLES)
def test_each_variable_has_a_type_and_a_description_of_its_own(role: str) -> None:
    specs = yaml.safe_load((REPOSITORY / "roles" / role / "meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    assert [name for name, option in options.items() if "type" not in option] == []
    described = [option["description"] for option in options.values()]
    assert [each for each in described if described.count(each) > 1] == []


def test_a_variable_of_few_values_names_them() -> None:
    choices = {"web_framework": ["django", "pecan"], "init": ["background", "systemd"]}
    for role in ROLES:
        specs = yaml.safe_load((REPOSITORY / "roles" / role / "meta/argument_specs.yml").read_text())
        for name, option in specs["argument_specs"]["main"]["options"].items():
            wanted = choices.get(name) or choices.get(f"web_{name.removeprefix(f'{role}_')}")
            if wanted or name == f"{role}_init":
                assert option["choices"] == (wanted or choices["init"]), name


def test_entry_points_are_documented_and_cost_a_playbook_no_task() -> None:
    """Ansible would add a task that compares its variables; check_inventory has done that, and says it in a sentence."""
    for path in [*(REPOSITORY / "playbooks").glob("*.yml"), *(REPOSITORY / "roles").glob("*/tasks/*.yml")]:
        for task in tasks_of(yaml.safe_load(path.read_text())):
            called = task.get("ansible.builtin.import_role") or task.get("ansible.builtin.include_role")
            if isinstance(called, dict) and "tasks_from" in called:
                assert called.get("rolespec_validate") is False, f"{path}: {task['name']}"
                role = called["name"].removeprefix("mooring.mooring.")
                specs = yaml.safe_load((REPOSITORY / "roles" / role / "meta/argument_specs.yml").read_text())
                assert called["tasks_from"] in specs["argument_specs"], f"{path}: {task['name']}; make docs"


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
    wiring = yaml.safe_load((REPOSITORY / "roles/site/vars/main/wiring.yml").read_text())
    known = {"repository", "site_folder", "mooring_templates"}
    for role in ROLES:
        known |= set(yaml.safe_load((REPOSITORY / "roles" / role / "defaults/main.yml").read_text()))
    assert sorted(set(wiring) - known) == []


def tasks_of(found: object) -> Iterator[dict[str, object]]:
    """Find the tasks of a file, those in blocks as well."""
    for each in found if isinstance(found, list) else []:
        if isinstance(each, dict):
            yield each
            for part in ("block", "rescue", "always", "tasks"):
                yield from tasks_of(each.get(part))


def test_what_is_done_on_the_controller_is_done_as_its_user() -> None:
    """`ansible_become: true` in an inventory's group `all` is stronger than a task's `become: false`, and no other is."""
    here = {
        f"{path.relative_to(REPOSITORY)}: {task['name']}": task.get("vars", {})
        for folder in ("roles", "playbooks")
        for path in (REPOSITORY / folder).rglob("*.yml")
        for task in tasks_of(yaml.safe_load(path.read_text()))
        if task.get("delegate_to") == "localhost" and "ansible.builtin.set_fact" not in task
    }
    assert here
    assert [name for name, values in here.items() if values.get("ansible_become") is not False] == []  # type: ignore[attr-defined]


def test_what_roles_keep_in_a_run_is_taken_for_no_slip_by_a_later_check() -> None:
    """Their names begin as no setting does, so that none of them is close to one."""
    kept: set[str] = set()
    for path in (REPOSITORY / "roles").glob("*/tasks/*.yml"):
        for task in tasks_of(yaml.safe_load(path.read_text())):
            set_fact = task.get("ansible.builtin.set_fact")
            kept |= set(set_fact) if isinstance(set_fact, dict) else set()
            kept |= {str(task["register"])} if "register" in task else set()
    assert len(kept) > 5
    assert [name for name in kept if not name.startswith("__")] == []
