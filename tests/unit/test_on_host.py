"""A program over a connection: its output is its own, whatever the host's shell says before."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from venv import EnvBuilder

import pytest

import on_host
from mooring.host import errors


class NoisyHost:
    """An action whose connection is a shell of this machine that greets, on both outputs, before it runs a command."""

    def __init__(self) -> None:
        self._connection = self

    def is_pipelining_enabled(self) -> bool:
        return True

    def _compute_environment_string(self) -> str:
        return "GREETING='good day'"

    def _low_level_execute_command(self, command: str, in_data: bytes, chdir: str | None) -> dict[str, Any]:
        command = f"cd {chdir} && {command}" if chdir else command
        done = subprocess.run(
            ["sh", "-c", f"echo welcome; echo banner >&2; {command}"],
            input=in_data,
            capture_output=True,
            check=False,
        )
        return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}


def test_what_a_shell_says_before_is_not_the_programs_output() -> None:
    words = ["sh", "-c", 'cat; echo "$GREETING" >&2; exit 3']
    done = on_host.run(NoisyHost(), {}, words, '{"changed": true}\n')
    assert (done["rc"], done["stdout"], done["stderr"]) == (3, '{"changed": true}', "good day")
    assert (done["stdout_lines"], done["cmd"]) == (['{"changed": true}'], words)


@pytest.mark.parametrize("chdir", [None, "/no such folder"])
def test_a_program_that_cannot_be_started_is_told(chdir: str | None) -> None:
    done = on_host.run(NoisyHost(), {}, ["no-such-program"], chdir=chdir)
    assert done["rc"] != 0
    assert ("no such folder" if chdir else "no-such-program") in done["stderr"]


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (None, "Mooring is not installed in {} on this host, or its Python has gone"),
        (
            "mooring",
            "Mooring in {} on this host is of a version that this one cannot ask (what it runs serves on)",
        ),
        ("", "Mooring in {} on this host is of a version that this one cannot ask (what it runs serves on)"),
    ],
)
def test_a_host_without_this_version_is_told_to_deploy(tmp_path: Path, module: str | None, says: str) -> None:
    """Nothing at all, an older Mooring without the program, or none in that virtualenv."""
    venv = tmp_path / "supervisor/venv"
    if module is not None:
        EnvBuilder(with_pip=False, symlinks=True).create(venv)
        (packages,) = venv.glob("lib/python3*/site-packages")
        if module:
            (packages / module).mkdir()
            (packages / module / "__init__.py").touch()
    done = on_host.call(NoisyHost(), {}, "status", {"root": str(tmp_path), "instance": "api"})
    assert done.why == says.format(tmp_path) + ": deploy with this version first, ansible-playbook deploy.yml"
    assert done.status == errors.NOTHING_THERE
