"""Molecule's folder: scenarios, and `resources` that they share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from support.places import REPOSITORY

MOLECULE = REPOSITORY / "molecule"
SCENARIOS = sorted(path.parent for path in MOLECULE.glob("*/molecule.yml"))
FILES = sorted(MOLECULE.rglob("*.yml"))
NAMED = re.compile(
    r"(?:import_playbook|include_tasks|import_tasks): (\S+\.yml)$|vars_files: \[(\S+)\]", re.MULTILINE
)


def test_all_but_the_resources_are_scenarios() -> None:
    assert [path for path in sorted(MOLECULE.iterdir()) if path not in SCENARIOS] == [MOLECULE / "resources"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(MOLECULE)))
def test_what_a_file_includes_is_there(path: Path) -> None:
    named = [one or other for one, other in NAMED.findall(path.read_text())]
    assert [name for name in named if not (path.parent / name).is_file()] == []


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda path: path.name)
def test_a_scenario_s_steps_are_there(folder: Path) -> None:
    scenario = yaml.safe_load((folder / "molecule.yml").read_text())
    playbooks = scenario["ansible"]["playbooks"].values()
    steps = [words[1] for step in scenario["scenario"]["test_sequence"] if len(words := step.split()) > 1]
    inventories = [
        Path(
            word.partition("=")[2]
            .replace("${MOLECULE_PROJECT_DIRECTORY}", str(REPOSITORY))
            .replace("${MOLECULE_SCENARIO_DIRECTORY}", str(folder))
        )
        for word in scenario["ansible"]["executor"]["args"]["ansible_playbook"]
    ]
    assert [
        path
        for path in [*(folder / each for each in (*playbooks, *steps)), *inventories]
        if not path.exists()
    ] == []
