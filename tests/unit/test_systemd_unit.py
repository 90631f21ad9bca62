"""The sandbox of systemd's unit: closed by default, and open where the inventory says so and as far as it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from support.places import REPOSITORY

EXPOSURE = 1.5
"""Of ten, as `systemd-analyze security` counts; what is left is named at the end of the unit."""
IMPLY = {
    "CapabilityBoundingSet", "LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "PrivateDevices", "ProtectClock",
    "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallErrorNumber",
    "SystemCallFilter", "SystemCallLog",
}  # fmt: skip
"""Where User= is given, each of these sets NoNewPrivileges by itself (systemd.exec(5)), or has sudo gain nothing."""


def rendered(**changed: Any) -> str:
    """Render the unit with the role's defaults."""
    environment = jinja2.Environment(  # noqa: S701 - no HTML
        loader=jinja2.FileSystemLoader(REPOSITORY / "templates/systemd"),
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["dirname"] = lambda path: str(Path(path).parent)
    environment.tests["match"] = lambda value, pattern: re.match(pattern, value) is not None
    defaults = yaml.safe_load((REPOSITORY / "roles/supervisor/defaults/main.yml").read_text())
    return environment.get_template("supervisord.service.j2").render(
        {**defaults, "ansible_managed": "x", **changed}
    )


def lines(unit: str) -> dict[str, list[str]]:
    """Read the values of each setting."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_nothing_is_gained_and_nothing_is_left_behind_by_default() -> None:
    unit = lines(rendered())
    assert unit["NoNewPrivileges"] == ["true"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert (unit["LimitCORE"], unit["CoredumpFilter"], unit["UMask"]) == (["0"], ["0"], ["0077"])
    assert (unit["PrivateIPC"], unit["RemoveIPC"], unit["KeyringMode"]) == (["true"], ["true"], ["private"])
    assert set(unit) >= IMPLY - {"MemoryDenyWriteExecute", "SystemCallLog"}


def test_with_new_privileges_no_line_takes_them_away_again() -> None:
    unit = lines(rendered(supervisor_no_new_privileges=False))
    assert not IMPLY & set(unit)
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["LimitCORE"] == ["0"]


def test_with_core_files_no_line_empties_them() -> None:
    unit = lines(rendered(supervisor_core_dumps=True))
    assert unit["LimitCORE"] == ["infinity"]
    assert "CoredumpFilter" not in unit
    assert unit["NoNewPrivileges"] == ["true"]


def test_the_shared_memory_of_others_in_the_group_is_not_removed() -> None:
    """RemoveIPC= goes by the group as well: that of nobody, or users, has what other programs have made."""
    assert lines(rendered(supervisor_own_group=False))["RemoveIPC"] == ["false"]


def test_no_variable_of_systemd_s_own_environment_is_passed_on() -> None:
    unit = lines(rendered())
    assert not {"Environment", "EnvironmentFile", "PassEnvironment"} & set(unit)
    (start,) = unit["ExecStart"]
    assert " -I -m mooring.start --service --user mooring --conf " in start


def test_systemd_itself_finds_no_more_open(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    (version,) = re.findall(
        r"systemd (\d+)",
        subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout,
    )
    if not 250 <= int(version) < 256:
        pytest.skip(f"systemd-analyze of {version} judges no file, or by another list")
    unit = tmp_path / "mooring.service"
    unit.write_text(rendered(supervisor_user="root-is-not-this"))
    words = [program, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE * 10:.0f}", unit]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Unknown" not in done.stderr, done.stderr
