"""`make venv` builds what is missing or broken, and says in one sentence why it cannot."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.places import REPOSITORY
from support.ports import free_port
from support.waiting import until

# The packages stand for all: a virtualenv with one of them is built in seconds.
PACKAGE = re.search(
    r"^iniconfig==.*\n(?: +--hash=.*\n)+", (REPOSITORY / "requirements/controller.txt").read_text(), re.M
)
PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX")


class Clone:
    """A clone's Makefile and what builds its virtualenv, in a folder with a blank in its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("tools", "requirements"):
            (folder / name).mkdir(parents=True)
        shutil.copy(REPOSITORY / "Makefile", folder)
        for name in ("venv.sh", "supervisorctl.sh"):
            shutil.copy(REPOSITORY / "tools" / name, folder / "tools")
        assert PACKAGE
        self.requirements.write_text(PACKAGE[0].replace("\\\n    # via pytest", ""))

    @property
    def requirements(self) -> Path:
        return self.folder / "requirements/controller.txt"

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        # Not as a part of the make that may run these tests: it would say make[1], and wait for that one's job slots.
        outside = {
            name: value
            for name, value in os.environ.items()
            if name not in {"MAKELEVEL", "MAKEFLAGS", "MFLAGS"}
        }
        return subprocess.Popen(
            ["make", "-s", "venv", *words],
            cwd=self.folder,
            env={**outside, **environment},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def make(self, *words: str, status: int = 0, **environment: str) -> str:
        """Run `make venv`; what it says, on stderr when it fails."""
        process = self.start(*words, **environment)
        said, wrong = process.communicate(timeout=300)
        assert process.returncode == status, said + wrong
        return wrong if status else said

    def works(self) -> bool:
        """Tell whether it is found where it is, with its packages in it, when it is activated; and supervisorctl is our own."""
        words = "source .venv/bin/activate; python -c 'import iniconfig; print(iniconfig.__file__)'"
        done = subprocess.run(
            ["bash", "-c", words], cwd=self.folder, capture_output=True, text=True, check=False
        )
        own, there = self.folder / "tools/supervisorctl.sh", self.folder / ".venv/bin/supervisorctl"
        return done.stdout.startswith(f"{self.folder}/.venv/lib/") and filecmp.cmp(own, there, shallow=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = Clone(tmp_path_factory.mktemp("venv") / "a clone")
    said = clone.make()
    assert "1 of 3" in said
    assert "3 of 3: installing 1 packages" in said
    assert clone.works()
    return clone


@pytest.fixture
def clone(built: Clone) -> Iterator[Clone]:
    """A clone with a whole virtualenv; each test leaves it so."""
    assert built.make() == ""
    yield built
    built.make()
    assert built.works()


@pytest.fixture
def new(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "new clone")


def test_a_clone_that_was_moved_gets_a_new_one(clone: Clone) -> None:
    (clone.folder / ".venv/supervisord.conf").write_text("of a deploy\n")
    clone.folder = clone.folder.rename(clone.folder.with_name("a clone elsewhere"))
    assert "Building the virtualenv" in clone.make()
    assert clone.works()
    assert (clone.folder / ".venv/supervisord.conf").read_text() == "of a deploy\n"


def test_an_interpreter_that_is_gone_or_upgraded_is_replaced(clone: Clone) -> None:
    for link in (clone.folder / ".venv/bin").glob("python*"):
        link.unlink()
        link.symlink_to("/nowhere/python3")
    assert "Building the virtualenv" in clone.make()
    assert clone.works()
    config = clone.folder / ".venv/pyvenv.cfg"
    before = config.read_text()
    config.write_text(re.sub(r"(?m)^version = .*", "version = 3.10.2", before))
    assert "python9 is not found" in clone.make("PYTHON=python9", status=2)  # it is about to build
    config.write_text(before)


def test_other_requirements_are_installed_into_it(clone: Clone) -> None:
    left = clone.folder / ".venv/left"
    left.touch()
    clone.requirements.write_text(f"{clone.requirements.read_text()}# more\n")
    assert "up to date" in clone.make()
    assert left.exists()


def test_an_interrupted_build_is_begun_again(new: Clone) -> None:
    process = new.start()
    until((new.folder / ".venv/pyvenv.cfg").exists, "it builds")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Building the virtualenv" in new.make()
    assert new.works()


def test_of_two_at_once_one_waits(new: Clone) -> None:
    both = [new.start() for _ in range(2)]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("Another make builds the virtualenv" in words for words in said) == [False, True]
    assert sorted("Building the virtualenv" in words for words in said) == [False, True]
    assert new.works()


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f"PYTHON={path}"


def sentence(said: str) -> str:
    """Return the one line that explains; the other is make's own."""
    line, makes_own = said.splitlines()
    assert makes_own.startswith("make: *** ")
    return line


def test_a_missing_old_or_incomplete_python_is_named_with_the_way_out(new: Clone, tmp_path: Path) -> None:
    said = sentence(new.make("PYTHON=python9", status=2))
    assert "python9 is not found" in said
    assert "apt install python3-venv" in said
    old = program(tmp_path / "old", '[ "$1" = --version ] && echo Python 3.9.2; exit 1')
    assert "needs Python 3.11 or newer, and" in (said := sentence(new.make(old, status=2)))
    assert "is Python 3.9.2; name one: make PYTHON=" in said
    # As Debian without python3-venv: venv is there, what it installs pip with is not
    (tmp_path / "ensurepip.py").write_text("raise ImportError\n")
    bare = program(tmp_path / "bare", f'PYTHONPATH={tmp_path} exec {sys.executable} "$@"')
    said = sentence(new.make(bare, status=2))
    assert f"apt install python3.{sys.version_info.minor}-venv" in said
    assert not (new.folder / ".venv").exists()


def test_without_an_index_it_says_so_in_one_sentence(new: Clone) -> None:
    nowhere = dict.fromkeys(PIP, "") | {"PIP_INDEX_URL": f"http://127.0.0.1:{free_port()}/simple"}
    said = new.make(status=2, PIP_CONFIG_FILE="/dev/null", PIP_RETRIES="1", PIP_NO_CACHE_DIR="1", **nowhere)
    assert "pip reaches no package index" in sentence(said)
    assert "iniconfig" in (new.folder / ".venv/build.log").read_text()
    assert not (new.folder / ".venv/.installed").exists()
