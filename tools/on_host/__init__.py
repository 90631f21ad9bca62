"""What the action plugins share: a program is run on a host without Ansible's module machinery.

Each call of a module sends some 130 kB of Python source, which the host compiles again each time: 0.4 s of CPU time a call on a
slow machine, several times what our own programs need. Here the connection runs the program as it is, with its standard input.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mooring.host import errors, lock
from mooring.host.calls import CALLS

PROGRAMS = Path(__file__).parents[2] / "app/mooring/src/mooring"
"""Programs of one file that need nothing but a Python on the host, and the modules that they share."""
IMPORT = re.compile(r"(?m)^from mooring(\.host)? import ([a-z_, ]+)$")
FROM = re.compile(r"(?m)^from mooring\.host\.([a-z_]+) import ")

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
    stdin: str | bytes | Path = "",
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
    data = stdin.read_bytes() if isinstance(stdin, Path) else stdin
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
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
    action: Any, variables: dict[str, Any], words: list[str], stdin: str | bytes | Path, chdir: str | None
) -> dict[str, Any]:
    """Run it by a module: a connection, or a way to become another user, that needs a terminal has no standard input."""
    given: dict[str, Any] = {"argv": words, "chdir": chdir}
    if isinstance(stdin, bytes):
        with tempfile.TemporaryDirectory() as own:
            file = Path(own) / "stdin"
            file.write_bytes(stdin)
            return _run_module(action, variables, words, file, chdir)
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
    return together(text, program) if _imported(text) else text


def together(text: str, name: str) -> str:
    """Return a program in one text with the modules of ours that it imports; `name` is for tracebacks."""
    modules = _imported(text)
    parts = [TOGETHER, "_module('mooring', '')\n", "_module('mooring.host', '')\n"]
    parts += [f"_module('mooring.{name.replace('/', '.')}', {_text(f'{name}.py')!a})\n" for name in modules]
    return "".join([*parts, f"exec(compile({text!a}, {name!r}, 'exec'))\n"])


def _imported(text: str) -> list[str]:
    """List the modules of ours that a text needs, each behind those that it needs itself."""
    found: list[str] = []
    imported = [
        f"{package[1:]}/{each}".lstrip("/")
        for package, line in IMPORT.findall(text)
        for each in line.split(", ")
    ]
    for name in [*imported, *(f"host/{each}" for each in FROM.findall(text))]:
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


# --- calls ---------------------------------------------------------------------------------------------------

READ = "import sys; exec(compile(sys.stdin.buffer.read(int(sys.argv[1])), 'mooring', 'exec'))"
"""Runs the program that stands at the beginning of standard input; the call, and its data, stand behind it."""


@dataclass
class Answered:
    """What a call has answered: its result, or why there is none."""

    result: dict[str, Any] | None = None
    why: str = ""
    status: int = errors.DONE
    holder: dict[str, Any] = field(default_factory=dict)
    """Who holds the lock, for a call that is refused for that."""
    progress: list[str] = field(default_factory=list)


def call(  # noqa: PLR0913 - what, how, and with what data
    action: Any,
    variables: dict[str, Any],
    name: str,
    arguments: dict[str, Any],
    *,
    check: bool = False,
    data: Path | None = None,
    virtualenv: str = "",
) -> Answered:
    """Make a call of `mooring.host.calls` on the host; `data` is a file of the controller that follows it.

    A call that needs Mooring installed runs in this virtualenv of the host, "" for that which supervisord runs from.
    """
    found = CALLS.get(name)
    if found is None:
        return Answered(why=f"there is no call {name}", status=errors.USAGE)
    request = json.dumps({"call": name, "arguments": arguments, "check": check}) + "\n"
    behind = data.read_bytes() if data else b""
    if found.bare:
        program = bare_program(name).encode()
        words = ["python3", "-I", "-c", READ, str(len(program))]
        done = run(action, variables, words, program + request.encode() + behind)
    else:
        virtualenv = virtualenv or f"{arguments.get('root')}/supervisor/venv"
        words = [f"{virtualenv}/bin/python", "-I", "-m", "mooring.host"]
        done = run(action, variables, words, request.encode() + behind)
        if why := _lacking(done):
            said = f"{why.format(arguments.get('root'))}: deploy with this version first, ansible-playbook deploy.yml"
            return Answered(why=said, status=errors.NOTHING_THERE)
    return answered(name, str(done.get("stdout") or ""), _why(done))


RUNPY = re.compile(r"No module named '?mooring\b")
"""How `python -m` says that there is no such module, and that there is not even its package."""


def _lacking(done: dict[str, Any]) -> str:
    """Say what is wrong when the program could not even be started; "" when it was. `{}` stands for mooring_root."""
    if done.get("rc") in (126, 127):
        return "Mooring is not installed in {} on this host, or its Python has gone"
    if not done.get("stdout") and RUNPY.search(str(done.get("stderr"))):
        return "Mooring in {} on this host is of a version that this one cannot ask (what it runs serves on)"
    return ""


def parameters(name: str) -> set[str]:
    """List what a call takes, by the source of its function: it may import what a controller has not. None for no such call."""
    found = CALLS.get(name)
    if found is None:
        return set()
    tree = ast.parse(_text(f"host/{found.module}.py"))
    (function,) = (
        each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == found.function
    )
    return {each.arg for each in [*function.args.args, *function.args.kwonlyargs]}


def _why(done: dict[str, Any]) -> str:
    return str(done.get("stderr") or done.get("stdout") or done.get("msg", "")).strip()


def bare_program(name: str) -> str:
    """Return the program that serves one bare call on a host that has nothing installed."""
    found = CALLS[name]
    return together(
        f"from mooring.host import dispatch, {found.module}\n"
        f"raise SystemExit(dispatch.serve_one({name!r}, {found.module}.{found.function}, looks={found.looks}))\n",
        name,
    )


def answered(name: str, output: str, why: str) -> Answered:
    """Read what a call has answered: lines of JSON, the last of which is its result or a refusal. A host may say anything."""
    found = Answered(status=errors.REFUSED)
    for line in output.splitlines():
        said = _answer(line)
        if said is None:
            continue
        if isinstance(said.get("progress"), str):
            found.progress.append(said["progress"])
        elif isinstance(said.get("result"), dict):
            return Answered(said["result"], progress=found.progress)
        elif isinstance(said.get("refused"), dict):
            refused = said["refused"]
            holder = refused.get("holder")
            found.why, found.holder = str(refused.get("message")), holder if isinstance(holder, dict) else {}
            found.status = refused["status"] if type(refused.get("status")) is int else errors.REFUSED
            return found
    found.why = why or f"the host has not answered the call {name}"
    return found


def this_run() -> dict[str, Any]:
    """Return the record of this run of Ansible: an action runs in a worker, which its main process has forked."""
    return lock.record(os.getppid())


def take_lock(action: Any, variables: dict[str, Any], path: str, take_over: str, *, check: bool) -> Answered:
    """Take the lock of an instance for this run. Of a run of this very controller the kernel here tells whether it has ended."""
    arguments = {"path": path, "holder": this_run(), "take_over": take_over}
    first = call(action, variables, "lock.take", arguments, check=check)
    if first.status == errors.LOCKED and lock.is_record(first.holder) and lock.is_over(first.holder):
        return call(
            action, variables, "lock.take", {**arguments, "take_over": first.holder["run"]}, check=check
        )
    return first


def entry(action: Any, given: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of a list as the host has it: a template is rendered, here, with the variables of `vars` beside the host's.

    ValueError.
    """
    from ansible.plugins.loader import lookup_loader  # noqa: PLC0415 - what does not render needs no Ansible

    given = dict(given)
    if set(given) - ENTRY or len(KINDS & set(given)) != 1 or not given.get("path"):
        raise ValueError(f"an entry has a path and one of {', '.join(sorted(KINDS))}: {sorted(given)}")
    if not isinstance(given.get("mode", ""), str):
        raise ValueError(f"{given['path']}: quote the mode, in octal digits: '0644'")  # noqa: TRY004 - one kind of error
    if "template" in given:
        plugin = lookup_loader.get("ansible.builtin.template", loader=action._loader, templar=action._templar)
        source, own = str(given.pop("template")), dict(given.pop("vars", None) or {})
        (given["content"],) = plugin.run([source], variables, template_vars=own)
    return {
        name: value if name == "folder" else str(value)
        for name, value in given.items()
        if value not in ("", None)
        or name == "content"  # an owner that is not given, or empty, stays as it is
    }


KINDS = {"folder", "content", "template", "link"}
ENTRY = {"path", "mode", "owner", "group", "vars"} | KINDS
"""What an entry of `place` may have."""
