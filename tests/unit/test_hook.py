"""A hook runs with the environment of a release; what keeps it from that is told in one sentence."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
OURSELVES = pwd.getpwuid(os.geteuid()).pw_name
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="whoever is not root becomes nobody else")


def hook(release: Path, *command: str, user: str = OURSELVES) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "mooring.hook", "--release", str(release), "--user", user, "--", *command]
    return subprocess.run(
        words, env={"PYTHONPATH": str(APP), "OURS": "x"}, capture_output=True, text=True, check=False
    )


def test_a_hook_has_what_the_release_has_and_its_status_is_the_command_s(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(json.dumps({"PATH": os.defpath, "NUMBER": 8080}))
    (tmp_path / "secrets.json").write_text(json.dumps({"KEY": "hush"}))
    done = hook(tmp_path, "sh", "-c", 'echo "$NUMBER $KEY ${OURS-none} $(pwd)"; exit 7')
    assert (done.returncode, done.stdout) == (7, f"8080 hush none {tmp_path}\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "environment.json is missing: the release is damaged, deploy again"),
        (b"", "environment.json is empty: the release is damaged, deploy again"),
        (b'{"PATH": ', "environment.json is not JSON: the release is damaged, deploy again"),
        (b'{"PATH": "/b\xfcn"}', "environment.json is not JSON: the release is damaged, deploy again"),
        (b'["PATH"]', "environment.json is not a JSON object: the release is damaged, deploy again"),
        (b'{"A": "1"}', "environment.json has no PATH: the release is damaged, deploy again"),
        (b'{"PATH": "/bin", "A": "\\u0000"}', "no process can have its environment: the release is damaged"),
        (b'{"PATH": "/bin", "A": "\\ud800"}', "no process can have its environment: the release is damaged"),
        (b'{"PATH": "/bin", "A=B": "1"}', "no process can have its environment: the release is damaged"),
    ],
)
def test_a_damaged_environment_is_told_in_one_sentence(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "environment.json").write_bytes(content)
    done = hook(tmp_path, "true")
    assert done.returncode == 1
    assert said in done.stderr
    assert str(tmp_path) in done.stderr
    assert done.stderr.count("\n") == 1


@needs_root
def test_an_unknown_user_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(json.dumps({"PATH": os.defpath}))
    done = hook(tmp_path, "true", user="nobody-of-that-name")
    assert (done.returncode, done.stderr) == (
        1,
        "--user nobody-of-that-name: there is no such user on this host\n",
    )


def test_an_unknown_command_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(json.dumps({"PATH": os.defpath}))
    done = hook(tmp_path, "no-such-command")
    assert (done.returncode, done.stderr) == (
        1,
        f"no-such-command cannot be run in {tmp_path}: there is no such command\n",
    )
