"""A sealed tree is read-only; whatever becomes of it is found, and it is never rebuilt in place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mooring import removal
from mooring.host import integrity
from support import bare


def unlock(path: Path) -> None:
    """Make a file of a sealed tree, and the folder that it is in, writable, as a careless hand would."""
    for each in (path.parent, path):
        if each.exists() and not each.is_symlink():
            each.chmod(each.stat().st_mode | 0o200)


def virtualenv(folder: Path) -> Path:
    """Make a small virtualenv by hand, sealed: its interpreter is the one that runs this."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(sys.executable)
    (folder / "bin/tool").write_text("#!/bin/sh\n")
    (folder / "bin/tool").chmod(0o755)
    (folder / "pyvenv.cfg").write_text("home = /usr\nversion = {}.{}.1\n".format(*sys.version_info))
    (folder / "lib/__pycache__").mkdir(parents=True)
    (folder / "lib/module.py").write_text("x = 1\n")
    (folder / "lib/__pycache__/module.pyc").write_bytes(b"code")
    integrity.seal(folder)
    return folder


def release(home: Path, name: str = "aaa", venv: str = "vvv") -> Path:
    """Make a release by hand, sealed, with its virtualenv."""
    if not (home / "venvs" / venv).exists():
        virtualenv(home / "venvs" / venv)
    folder = home / "releases" / name
    folder.mkdir(parents=True)
    (folder / "venv").symlink_to(f"../../venvs/{venv}")
    (folder / "release.json").write_text(json.dumps({"sealed": True, "workers": 1}))
    (folder / "blue.conf").write_text("[program:x]\n")
    integrity.seal(folder)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make an instance's folder with one release, which is live."""
    release(tmp_path)
    (tmp_path / "live.json").write_text(json.dumps({"colour": "blue", "release": "aaa", "previous": ""}))
    return tmp_path


def write(path: Path, text: str) -> None:
    unlock(path)
    path.write_text(text)


def replace(path: Path, target: str) -> None:
    unlock(path)
    path.unlink()
    path.symlink_to(target)


def drop(path: Path) -> None:
    unlock(path)
    path.unlink()


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "file changed": (
        lambda h: write(h / "venvs/vvv/lib/module.py", "x = 2\n"),
        "virtualenv vvv: lib/module.py was changed",
    ),
    "file deleted": (
        lambda h: drop(h / "venvs/vvv/lib/module.py"),
        "virtualenv vvv: lib/module.py is missing",
    ),
    "file added": (lambda h: write(h / "venvs/vvv/lib/more.py", ""), "virtualenv vvv: lib/more.py was added"),
    "byte code changed": (
        lambda h: write(h / "venvs/vvv/lib/__pycache__/module.pyc", ""),
        "module.pyc was changed",
    ),
    "mode": (lambda h: (h / "venvs/vvv/bin/tool").chmod(0o444), "virtualenv vvv: bin/tool has another mode"),
    "interpreter exchanged": (
        lambda h: replace(h / "venvs/vvv/bin/python", "/bin/sh"),
        "bin/python was changed",
    ),
    "interpreter missing": (lambda h: drop(h / "venvs/vvv/bin/python"), "bin/python is missing"),
    "a pipe for a file": (
        lambda h: (drop(h / "venvs/vvv/lib/module.py"), os.mkfifo(h / "venvs/vvv/lib/module.py")),
        "lib/module.py was changed",
    ),
    "program file edited": (
        lambda h: write(h / "releases/aaa/blue.conf", "[program:y]\n"),
        "blue.conf was changed",
    ),
    "program file deleted": (lambda h: drop(h / "releases/aaa/blue.conf"), "blue.conf is missing"),
    "manifest deleted": (lambda h: drop(h / "releases/aaa/manifest.json"), "manifest.json is missing"),
    "manifest garbage": (
        lambda h: write(h / "releases/aaa/manifest.json", "[1]"),
        "manifest.json cannot be read",
    ),
    "manifest empty": (lambda h: write(h / "venvs/vvv/manifest.json", ""), "manifest.json cannot be read"),
    "link dangles": (lambda h: replace(h / "releases/aaa/venv", "../../venvs/gone"), "venvs/gone is missing"),
    "virtualenv gone": (lambda h: removal.remove_tree(h / "venvs/vvv"), "venvs/vvv is missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_is_named_and_what_replaces_it_has_another_name(home: Path, damage: str) -> None:
    assert integrity.problems_of_release(home, "aaa") == []
    damaging, words = DAMAGES[damage]
    damaging(home)
    assert any(words in problem for problem in integrity.problems_of_release(home, "aaa"))
    chosen = integrity.choose("release", home / "releases", "aaa")
    assert (chosen["name"], chosen["exists"], list(chosen["damaged"])) == ("aaa-2", False, ["aaa"])


def test_an_interpreter_that_was_upgraded_away_is_named(tmp_path: Path) -> None:
    interpreter = tmp_path / "python3.x"
    interpreter.symlink_to(sys.executable)
    folder = virtualenv(tmp_path / "venvs/vvv")
    unlock(folder / "bin/python")
    (folder / "bin/python").unlink()
    (folder / "bin/python").symlink_to(interpreter)
    folder.chmod(0o755)
    integrity.seal(folder)
    assert integrity.problems_of_virtualenv(folder) == []
    interpreter.unlink()
    assert integrity.problems_of_virtualenv(folder) == [f"its interpreter {interpreter} is gone"]
    interpreter.write_text("#!/bin/sh\necho 3.1\n")
    interpreter.chmod(0o755)
    (problem,) = integrity.problems_of_virtualenv(folder)
    assert "is Python 3.1 now, and was 3." in problem
    interpreter.write_text("no program")
    assert integrity.problems_of_virtualenv(folder) == [f"its interpreter {interpreter} does not run"]


def test_a_pyvenv_cfg_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = virtualenv(tmp_path / "venvs/vvv")
    unlock(folder / "pyvenv.cfg")
    (folder / "pyvenv.cfg").write_bytes("home = /usr/é\nversion = 3.11.2\n".encode("utf-16"))
    integrity.seal(folder)
    assert integrity.problems_of_virtualenv(folder) == ["pyvenv.cfg is not UTF-8 text"]
    drop(folder / "pyvenv.cfg")
    integrity.seal(folder)
    (problem,) = integrity.problems_of_virtualenv(folder)
    assert problem == "pyvenv.cfg cannot be read (No such file or directory)"
    assert integrity.choose("virtualenv", folder.parent, "vvv")["name"] == "vvv-2"


def test_nothing_in_a_sealed_tree_can_be_written_by_its_owner(home: Path) -> None:
    for folder in (home / "releases/aaa", home / "venvs/vvv"):
        below = [path for path in [folder, *folder.rglob("*")] if not path.is_symlink()]
        assert [path for path in below if path.stat().st_mode & 0o222] == []


def test_byte_code_that_was_added_is_no_damage(home: Path) -> None:
    write(home / "venvs/vvv/lib/__pycache__/module.opt-1.pyc", "code")
    assert integrity.problems_of_release(home, "aaa") == []


def test_the_intact_one_is_chosen_whatever_is_damaged_beside_it(home: Path) -> None:
    write(home / "releases/aaa/blue.conf", "")
    release(home, "aaa-2")
    (home / "releases/aaa-3").mkdir()  # half built
    chosen = integrity.choose("release", home / "releases", "aaa")
    assert (chosen["name"], chosen["exists"]) == ("aaa-2", True)


def test_what_is_half_built_keeps_its_name_unless_it_is_in_use(home: Path) -> None:
    (home / "releases/bbb").mkdir()
    assert integrity.choose("release", home / "releases", "bbb")["name"] == "bbb"
    drop(home / "releases/aaa/manifest.json")
    for live in ('{"colour": "blue", "release": "aaa", "previous": ""}', "garbage"):
        (home / "live.json").write_text(live)
        assert integrity.choose("release", home / "releases", "aaa")["name"] == "aaa-2"
    (home / "venvs/www").mkdir()
    assert integrity.choose("virtualenv", home / "venvs", "www")["name"] == "www"
    drop(home / "venvs/vvv/manifest.json")  # a release points to it
    assert integrity.choose("virtualenv", home / "venvs", "vvv")["name"] == "vvv-2"


def test_a_release_from_before_there_were_manifests_is_not_refused(home: Path) -> None:
    folder, venv = home / "releases/old", home / "venvs/old"
    folder.mkdir()
    venv.mkdir()
    (folder / "venv").symlink_to("../../venvs/old")
    (folder / "release.json").write_text('{"workers": 1}')
    assert integrity.problems_of_release(home, "old") == []


def test_a_read_only_tree_is_removed_and_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o555)
    folder = virtualenv(tmp_path / "venvs/vvv")
    unlock(folder / "lib/away")
    (folder / "lib/away").symlink_to(outside)
    if os.geteuid() == 0:  # whom no mode stops: as somebody else, then
        for path in [tmp_path, *tmp_path.rglob("*")]:
            os.lchown(path, 65534, 65534)
        for path in tmp_path.parents:
            if not path.stat().st_mode & 0o001:
                path.chmod(path.stat().st_mode | 0o011)
        outside_owner: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}
    else:
        outside_owner = {}
    trees = [str(folder), str(tmp_path / "nothing")]
    python = "/usr/bin/python3" if outside_owner else sys.executable
    done = bare.ask("tree.remove", {"trees": trees}, python=python, **outside_owner)
    assert done.result is not None, done.why
    assert done.result["removed"] == [str(folder)]
    assert not folder.exists()
    assert outside.stat().st_mode & 0o777 == 0o555


CHECKED = """
import json, resource, sys
from pathlib import Path
from mooring.host import integrity
resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))
print(json.dumps(integrity.problems_of_tree(Path(sys.argv[1]))))
"""


def test_a_file_that_has_become_huge_is_not_held_in_memory_nor_read_for_ever(tmp_path: Path) -> None:
    """secrets.json can be the service user's own, which may write into it what it likes."""
    secrets = tmp_path / "secrets.json"
    secrets.write_text("{}")
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(secrets, 65534, 65534)
    integrity.seal(tmp_path)
    unlock(secrets)
    with secrets.open("ab") as file:
        file.truncate(1 << 40 if is_root else 300 << 20)
    app = Path(integrity.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", CHECKED, str(tmp_path)],
        env={"PYTHONPATH": str(app)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["secrets.json was changed"]


def test_nothing_in_a_virtualenv_is_executed_by_who_checks_it(tmp_path: Path) -> None:
    """A deploy checks as root what the application's packages have filled."""
    folder, told = tmp_path / "venvs/vvv", tmp_path / "told"
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    hostile = f"import pathlib; pathlib.Path({str(told)!r}).write_text('executed')\n"
    (site / "hostile.pth").write_text(hostile)
    (site / "sitecustomize.py").write_text(hostile)
    subprocess.run([folder / "bin/python", "-I", "-c", ""], check=True)
    assert told.read_text() == "executed", "that is what the attack can do"
    told.unlink()
    integrity.seal(folder)
    assert integrity.problems_of_virtualenv(folder) == []
    assert not told.exists()
    replace(folder / "bin/python", "hostile")  # a package's own program in the place of the interpreter
    (folder / "bin/hostile").write_text(f"#!/bin/sh\necho executed > {told}; echo 3.11\n")
    (folder / "bin/hostile").chmod(0o755)
    said = bare.ask("tree.seal", {"tree": str(folder)})
    assert (said.result, said.status) == (None, 1)
    assert "bin/python is no link to an interpreter of this host" in said.why
    folder.chmod(0o755)  # it was sealed before, and only root writes in it then
    integrity.seal(folder)
    (problem,) = integrity.problems_of_virtualenv(folder)
    assert "bin/python is no link to an interpreter of this host" in problem
    assert not told.exists()
