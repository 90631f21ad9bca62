"""Molecule's scenarios on this machine, as `make molecule` runs them: here side by side with the other tests."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from support.places import REPOSITORY

DECORATION = re.compile(r"^\s*(\x1b\[[0-9;]*m)*│(\x1b\[[0-9;]*m)* ?|\x1b\[[0-9;]*m", re.MULTILINE)
TELLING = re.compile(
    r"\s*((fatal|msg|stderr): .*|(E  |FAILED |ERROR ).*|\d+ (failed|error).*|.*Executed: Failed.*)"
)
"""Which lines of molecule's hundreds say what has failed: Ansible's, and those of the tests that it runs."""
LAST = 20


@pytest.mark.parametrize("scenario", ["default", "pecan"])
def test_scenario(scenario: str) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        ["make", "-s", "-o", "venv", f"molecule-{scenario}"],
        cwd=REPOSITORY,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, why(done.stdout)


def why(output: str) -> str:
    """Return the lines that say what has failed, each failure with its task; the last lines when no task has failed."""
    lines = DECORATION.sub("", output).splitlines()
    told: list[str] = []
    task = ""
    for line in lines:
        if line.startswith("TASK ["):
            task = line
        elif TELLING.fullmatch(line) and (told or "fatal: " in line):
            told += [task, line.strip()] if "fatal: " in line else [line.strip()]
    return "\n".join(told or lines[-LAST:])


def test_a_failure_is_told_in_few_lines() -> None:
    output = """
TASK [One]
ok: [localhost]
TASK [Run testinfra]
  \x1b[2m│\x1b[0m fatal: [localhost]: FAILED! =>
  │     stdout: |-
  │         ..F.
  │         E       assert 3 == 2
  │         FAILED tests/infra/test_instance.py::test_one
"""
    assert why(output).splitlines() == [
        "TASK [Run testinfra]",
        "fatal: [localhost]: FAILED! =>",
        "E       assert 3 == 2",
        "FAILED tests/infra/test_instance.py::test_one",
    ]
    assert why("one\n\x1b[31mERROR\x1b[0m no such scenario\n") == "one\nERROR no such scenario"
