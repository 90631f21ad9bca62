"""Every Python that a playbook, a role or a program of ours starts on a host is isolated (`-I`): root obeys no folder there.

Without it, Python imports from the folder where it runs, and from what PYTHONPATH names. This looks at the text of the files;
what it means for an attacker is in `tests/security/test_privileges.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.places import REPOSITORY

PROCESSES = ("templates/instance/", "app/mooring/src/mooring/bootstrap/", "app/mooring/src/mooring/worker/")
"""What runs from here is the service user's from its first instruction on, in the release's folder, whose code it must find."""
SUFFIXES = (".yml", ".yaml", ".j2", ".sh")

PYTHON = re.compile(r"(?<![\w.-])python(?:3(?:\.\d+)?)?(?![\w.:)-])|\w+_python\.path\b")
"""An interpreter: by its name, behind a folder or not, or by a variable of the roles. No key of YAML, nor the end of a remark."""
PATTERN = "python[0-9.]*"
"""In an expression that finds interpreters."""
ISOLATED = re.compile(r"(?: \| quote)?(?: \}\})? -I\b")
"""What follows an interpreter."""
LOOKS = re.compile(r"test -x (?:{{ \w+ }})?[\w/]*$| python: {{ $")
"""What stands before an interpreter that is looked for, or named to a call of `mooring.host`, and not started."""


def found_in(*folders: str) -> list[Path]:
    """List the files of these folders, but for those of the service user's own processes."""
    every = (path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.*")))
    return [path for path in every if not str(path.relative_to(REPOSITORY)).startswith(PROCESSES)]


# The other scripts of tools/ make the clone's own .venv, on the controller.
TEXTS = [path for path in found_in("roles", "playbooks", "templates") if path.suffix in SUFFIXES]
TEXTS += [REPOSITORY / "tools/supervisorctl.sh"]
PROGRAMS = [path for path in found_in("app/mooring") if path.suffix == ".py"]


def words(text: str) -> str:
    """Return a file as one line of words: lists of YAML, of Jinja and of a shell look alike then."""
    text = re.sub(r"(?m)(^|\s)#.*$", r"\1", text.replace(PATTERN, ""))
    text = re.sub(r"\n\s*- ", " ", text)
    return re.sub(r"\s+", " ", re.sub(r"[\"'\[\],+~\\]", " ", text))


def not_isolated(text: str) -> list[str]:
    """List the commands of a file that start a Python that is not isolated, each with what is around it."""
    line = words(text)
    return [
        line[max(0, each.start() - 40) : each.end() + 40]
        for each in PYTHON.finditer(line)
        if not ISOLATED.match(line, each.end()) and not LOOKS.search(line[: each.start()])
    ]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_python_that_is_started_on_a_host_is_isolated(path: Path) -> None:
    assert not_isolated(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "argv: [python3, -m, mooring.host]",
        'argv:\n  - "{{ supervisor_home }}/venv/bin/python"\n  - -m\n  - mooring.host',
        "argv: \"{{ [home ~ '/venv/bin/python', '-m', 'mooring.host'] + files }}\"",
        "- cd / && {{ virtualenv_python.path | quote }} -m venv x",
        'exec "$bin/python3.11" -m supervisor.supervisorctl "$@"',
        "argv: [python3, '-', --conf]  # -I",
        "argv: [env, python3, -c, 'import json']",
    ],
)
def test_what_is_not_isolated_is_found(text: str) -> None:
    assert len(not_isolated(text)) == 1


def started(source: str) -> Iterator[list[str]]:
    """Go through the command lines in a module that begin with an interpreter, or hand it a program."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.List, ast.Tuple)) and node.elts:
            said = [each.value if isinstance(each, ast.Constant) else ast.unparse(each) for each in node.elts]
            if said[0] in ("sys.executable", "python3", "str(python)") or {"-m", "-c"} & set(said[1:3]):
                yield [str(each) for each in said]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_python_that_our_programs_start_is_isolated(path: Path) -> None:
    assert [line for line in started(path.read_text(encoding="utf-8")) if line[1:2] != ["-I"]] == []


def test_our_programs_start_some() -> None:
    assert len(TEXTS) > 80
    assert len([line for path in PROGRAMS for line in started(path.read_text(encoding="utf-8"))]) >= 3
