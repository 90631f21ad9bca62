"""What stands in a program file reaches the process as the inventory has it: by supervisord's own parser and processes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
from supervisor.options import ServerOptions

from preflight import program_file
from support.places import REPOSITORY

VALUES = [
    "", "plain", "two words", " blanks ", "100% sure", "%(here)s", "%%", "a,b=c", 'a "quoted" word', "it's",
    "a;b", "a#b", "é ✓ \u00a0x", "tab\there", "back\\slash", "$HOME `x`", "{{ x }}", "[section]", "a=b\\", "x" * 100_000,
    # What its parser cannot take: by the other way
    "a ;b", "a #b", "a\t#b", "a\u00a0;b", "both ' and \"", '"', "'", '"begin', "end'", "cr\rx", "crlf\r\nx", "two\nlines", "\n",
    "form\x0cfeed", "\x1b[1m", "\x1c#", "\x85x", "\u2028x",
]  # fmt: skip


def parsed(folder: Path, text: str) -> Any:
    """Read a configuration with one program as supervisord does; the program's configuration."""
    path = folder / "supervisord.conf"
    path.write_text(f"[supervisord]\n[program:one]\n{text}\n", encoding="utf-8")
    options = ServerOptions()
    options.configfile = str(path)
    options.process_config(do_usage=False)
    return options.process_group_configs[0].process_configs[0]


def rendered(variables: dict[str, Any]) -> str:
    """Render `environment=` as the role release does."""
    environment = jinja2.Environment(  # noqa: S701 - no HTML
        loader=jinja2.FileSystemLoader(REPOSITORY / "templates/instance"), trim_blocks=True
    )
    macro = '{% from "macros.j2" import environment with context %}{{ environment(variables) }}'
    return environment.from_string(macro).render(variables=variables)


def test_every_value_arrives_by_one_way_or_the_other(tmp_path: Path) -> None:
    variables = {f"V{number}": value for number, value in enumerate(VALUES)}
    inside, beside = program_file.inside(variables), program_file.beside(variables)
    assert inside.keys() | beside.keys() == variables.keys()
    assert not inside.keys() & beside.keys()
    program = parsed(tmp_path, f"command=/bin/true\n{rendered(inside)}")
    assert program.environment == inside
    assert json.loads(json.dumps(beside)) == {name: variables[name] for name in beside}


@pytest.mark.parametrize("value", [value for value in VALUES if not program_file.fits(value)])
def test_what_goes_the_other_way_would_not_have_arrived(value: str, tmp_path: Path) -> None:
    try:
        arrives = parsed(tmp_path, f"command=/bin/true\n{rendered({'A': value})}").environment == {"A": value}
    except ValueError:
        arrives = False
    # What is harmless in fact, but for an editor or a terminal
    assert not arrives or any(ord(each) < 32 for each in value)


def test_every_word_of_a_command_arrives(tmp_path: Path) -> None:
    """A real process is started by what supervisord has read; control characters are refused by preflight."""
    words = [word for word in VALUES if not any(ord(each) < 32 and each != "\t" for each in word)]
    assert len(words) > 25
    line = " ".join("'" + word.replace("'", "'\"'\"'") + "'" for word in words)
    tell = shlex.join([sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))"])
    program = parsed(tmp_path, f"command={tell} {program_file.command(line)}")
    done = subprocess.run(shlex.split(program.command), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("queue #5", ["queue", "#5"]),
        ("queue ;x", ["queue", ";x"]),
        ('a "b #c" d', ["a", "b #c", "d"]),
        (r"a b\ c \#d", ["a", "b c", "#d"]),
        ("a 100%", ["a", "100%"]),
        ("  a   b  ", ["a", "b"]),
    ],
)
def test_a_command_line_is_read_as_a_shell_reads_it(line: str, words: list[str]) -> None:
    assert program_file.words_of(line) == words


def test_truth_values_are_on_and_off() -> None:
    given = {"A": True, "B": False, "C": 1, "D": "true"}
    assert program_file.switches(given) == {"A": "on", "B": "off", "C": 1, "D": "true"}
    assert program_file.inside(given) == program_file.switches(given)
