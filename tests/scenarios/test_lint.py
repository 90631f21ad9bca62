"""ansible-lint, as `make lint` runs it: here side by side with the other tests, since it takes one core for minutes."""

from __future__ import annotations

import os
import subprocess

from support.places import REPOSITORY


def test_ansible_lint_finds_nothing() -> None:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "-s", "-o", "venv", "lint-ansible"],
        cwd=REPOSITORY,
        env=outside,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
