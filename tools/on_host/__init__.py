"""What the action plugins share: a program is run on a host without Ansible's module machinery.

Each call of a module sends some 130 kB of Python source, which the host compiles again each time: 0.4 s of CPU time a call on a
slow machine, several times what our own programs need. Here the connection runs the program as it is, with its standard input.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parents[2] / "app/mooring/src/mooring"
"""Programs of one file that need nothing but a Python on the host, and the modules that they share."""
IMPORT = re.compile(r"(?m)^from mooring(\.host)? import ([a-z_, ]+)$")

TOGETHER = """\
import sys, types
def _module(name, source):
    sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), sys.modules[name].__dict__)
"""
"""What is in front of a program that imports modules of ours: a host has none of them, and knows those that come with it."""

BEGINS = "MOORING-PROGRAM-BEGINS"
"""The line in front of a program's output: what stands before it is a shell's (.bashrc), sudo's or ssh's (a banner)."""


def run(
    action: Any,
    variables: dict[str, Any],
    argv: Sequence[object],
    stdin: str | Path = "",
    chdir: str | None = None,
) -> dict[str, Any]:
    """Run a program over an action plugin's connection, as the user that the task becomes, in the task's environment.

    `stdin` is a text, or a file of the controller. Return `rc`, `stdout` and `stderr` without the line ends at their end,
    `stdout_lines`, `stderr_lines` and `cmd`. A program that is not there has the shell's rc, 127.
    """
    words = [str(word) for word in argv]
    if not action._connection.is_pipelining_enabled():
        return _run_module(action, variables, words, stdin, chdir)
    program = f"{action._compute_environment_string()} {shlex.join(words)}".strip()
    command = f"echo {BEGINS} && echo {BEGINS} >&2 && {program}"
    data = stdin.read_bytes() if isinstance(stdin, Path) else stdin.encode("utf-8", "surrogateescape")
    done = action._low_level_execute_command(
        command,
        in_data=data or b"\n",  # not nothing: ssh would make a terminal then
        chdir=shlex.quote(chdir) if chdir else None,
    )
    stdout, stderr = _output(done["stdout"]), _output(done["stderr"])
    return {
        "cmd": words,
        "rc": done["rc"],
        "stdout": stdout,
        "stderr": stderr,
        "stdout_lines": stdout.splitlines(),
        "stderr_lines": stderr.splitlines(),
    }


def _output(received: str) -> str:
    """Return what the program wrote; all that has been received when it did not come to the program (a folder is missing)."""
    before, begins, output = received.partition(f"{BEGINS}\n")
    return (output if begins else before).rstrip("\r\n")


def _run_module(
    action: Any, variables: dict[str, Any], words: list[str], stdin: str | Path, chdir: str | None
) -> dict[str, Any]:
    """Run it by a module: a connection, or a way to become another user, that needs a terminal has no standard input."""
    given: dict[str, Any] = {"argv": words, "chdir": chdir}
    if isinstance(stdin, Path):
        folder = action._make_tmp_path()
        sent = action._transfer_file(str(stdin), f"{folder}/stdin")
        action._fixup_perms2((folder, sent))
        given["argv"] = ["sh", "-c", f"exec {shlex.join(words)} < {shlex.quote(sent)}"]
    else:
        given["stdin"] = stdin
    given = {name: value for name, value in given.items() if value}
    check, action._task.check_mode = action._task.check_mode, False  # the action decides what a check runs
    try:
        done = action._execute_module(
            module_name="ansible.builtin.command", module_args=given, task_vars=variables
        )
    finally:
        action._task.check_mode = check
    return dict(done)


def source(program: str) -> str:
    """Return one of `PROGRAMS` as a host runs it from its standard input: with the modules of ours that it imports.

    A program and these modules write `from mooring import one, two` or `from mooring.host import three`, at their beginning.
    """
    text = _text(program)
    modules = _imported(text)
    if not modules:
        return text
    parts = [TOGETHER, "_module('mooring', '')\n", "_module('mooring.host', '')\n"]
    parts += [f"_module('mooring.{name.replace('/', '.')}', {_text(f'{name}.py')!a})\n" for name in modules]
    return "".join([*parts, f"exec(compile({text!a}, {program!r}, 'exec'))\n"])


def _imported(text: str) -> list[str]:
    """List the modules of ours that a text needs, each behind those that it needs itself."""
    found: list[str] = []
    for package, line in IMPORT.findall(text):
        for name in (f"{package[1:]}/{each}".lstrip("/") for each in line.split(", ")):
            inner = _imported(_text(f"{name}.py"))
            found += [each for each in [*inner, name] if each not in found]
    return found


def _text(program: str) -> str:
    return (PROGRAMS / program).read_text(encoding="utf-8")


def _answer(output: str) -> dict[str, Any] | None:
    try:
        found = json.loads(output)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def run_python(
    action: Any, variables: dict[str, Any], program: str, order: object
) -> tuple[dict[str, Any] | None, str]:
    """Run one of `PROGRAMS` by the host's own Python: its `main` gets the order, a JSON value, by standard input.

    Return its answer, a JSON object; or None, and why there is none.
    """
    text = source(program)
    call = f"raise SystemExit(main({json.dumps(json.dumps(order))}))"  # JSON's strings are Python's as well
    done = run(action, variables, ["python3", "-I", "-"], f"{text}\n{call}\n")
    if done.get("rc") == 0:
        answer = _answer(str(done["stdout"]))
        return answer, "" if answer is not None else f"the host's answer to {program} is no JSON object"
    return None, str(done.get("stderr") or done.get("stdout") or done.get("msg", "")).strip()
