"""A hook runs with the environment of a release; what keeps it from that is told in one sentence."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.places import SOURCES

USER = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="whoever is not root becomes nobody else")


@pytest.fixture
def release() -> Iterator[Path]:
    """Make a release's folder that the user may enter, which pytest's own folders do not allow."""
    with tempfile.TemporaryDirectory(prefix="mooring-hook-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def hook(
    release: Path, *command: str, user: str = USER, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "mooring.host.hook", "--release", str(release), "--user", user]
    words += [*options, "--", *command]
    return subprocess.run(
        words, env={"PYTHONPATH": SOURCES, "OURS": "x"}, capture_output=True, text=True, check=False
    )


def test_a_hook_has_what_the_release_has_and_its_status_is_the_command_s(release: Path) -> None:
    (release / "environment.json").write_text(json.dumps({"PATH": os.defpath, "NUMBER": 8080}))
    (release / "secrets.json").write_text(json.dumps({"KEY": "hush"}))
    done = hook(release, "sh", "-c", 'echo "$NUMBER $KEY ${OURS-none} $(pwd)"; exit 7')
    assert (done.returncode, done.stdout) == (7, f"8080 hush none {release}\n")


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
    content: bytes | None, said: str, release: Path
) -> None:
    if content is not None:
        (release / "environment.json").write_bytes(content)
    done = hook(release, "true")
    assert done.returncode == 1
    assert said in done.stderr
    assert str(release) in done.stderr
    assert done.stderr.count("\n") == 1


@needs_root
def test_an_unknown_user_is_told_in_one_sentence(release: Path) -> None:
    (release / "environment.json").write_text(json.dumps({"PATH": os.defpath}))
    done = hook(release, "true", user="nobody-of-that-name")
    assert (done.returncode, done.stderr) == (
        1,
        "--user nobody-of-that-name: there is no such user on this host\n",
    )


def test_an_unknown_command_is_told_in_one_sentence(release: Path) -> None:
    (release / "environment.json").write_text(json.dumps({"PATH": os.defpath}))
    done = hook(release, "no-such-command")
    assert (done.returncode, done.stderr) == (
        1,
        f"no-such-command cannot be run in {release}: there is no such command\n",
    )


@needs_root
def test_a_hook_never_has_the_rights_of_root(release: Path) -> None:
    (release / "environment.json").write_text(json.dumps({"PATH": os.defpath}))
    done = hook(release, "id", user="root")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "--user root: a hook runs code of the release, which never has the rights of root\n"


RIGHTS = "grep NoNewPrivs: /proc/self/status; cat /proc/self/coredump_filter; ulimit -Hc; umask"


def test_a_hook_gains_no_rights_and_leaves_no_core_unless_it_may(release: Path) -> None:
    (release / "environment.json").write_text(json.dumps({"PATH": os.defpath}))
    own = subprocess.run(["bash", "-c", RIGHTS], capture_output=True, text=True, check=True).stdout.split()
    assert hook(release, "bash", "-c", RIGHTS).stdout.split() == ["NoNewPrivs:", "1", "00000000", "0", "0077"]
    options = ("--may-gain-privileges", "--core-dumps", "--umask", "027")
    done = hook(release, "bash", "-c", RIGHTS, options=options)
    assert done.stdout.split() == [*own[:-1], "0027"]
