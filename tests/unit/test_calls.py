"""Calls: their table, what they are given, and how one goes over the connection to a host."""

from __future__ import annotations

import ast
import inspect
import io
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import on_host
from mooring.host import dispatch, errors
from mooring.host.calls import CALLS
from mooring.host.instance import DATA, OWN_NAMES
from support.places import REPOSITORY, SOURCES


@pytest.mark.parametrize("name", CALLS)
def test_each_call_is_a_function_with_typed_arguments(name: str) -> None:
    call = CALLS[name]
    function = getattr(import_module(f"mooring.host.{call.module}"), call.function)
    parameters = inspect.signature(function).parameters
    assert function.__doc__
    assert on_host.parameters(name) == set(parameters)
    for each in parameters.values():
        kind = str(each.annotation).removesuffix(" | None")
        assert each.name in dispatch.HANDED_IN or kind in dispatch.KINDS, each
    assert not (call.looks and "check" in parameters), "it looks in check mode as ever"
    if (
        not call.bare
        and not call.looks
        and call.module == "operations"
        and not name.startswith("supervisord.")
    ):
        assert "run" in parameters or name == "plan", "what changes an instance takes its lock"


def called(words: list[str], stdin: bytes, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        words, input=stdin, env=environment, capture_output=True, check=False, cwd="/", timeout=60
    )
    assert done.stderr == b""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def request(name: str, /, **arguments: Any) -> bytes:
    return json.dumps({"call": name, "arguments": arguments, "check": False}).encode() + b"\n"


def bare(name: str, **arguments: Any) -> tuple[int, list[dict[str, Any]]]:
    """Make a call as on a host that has nothing of ours."""
    program = on_host.bare_program(name).encode()
    words = ["/usr/bin/env", "python3", "-I", "-c", on_host.READ, str(len(program))]
    return called(words, program + request(name, **arguments), PATH="/usr/bin:/bin")


def test_a_bare_call_needs_nothing_installed(tmp_path: Path) -> None:
    entries = [{"path": str(tmp_path / "a"), "content": "é\n"}]
    status, (result,) = bare("place", entries=entries)
    assert (status, result["result"]["paths"]) == (0, [str(tmp_path / "a")])
    assert (tmp_path / "a").read_text(encoding="utf-8") == "é\n"


@pytest.mark.parametrize("module", sorted({call.module for call in CALLS.values() if call.bare}))
def test_what_is_sent_keeps_to_an_old_python_and_its_standard_library(module: str) -> None:
    text = on_host._text(f"host/{module}.py")
    for name in [f"host/{module}", "host/dispatch", *on_host._imported(text)]:
        tree = ast.parse(on_host._text(f"{name}.py"), feature_version=(3, 8))
        names = {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {each.partition(".")[0] for each in names} <= sys.stdlib_module_names | {
            "__future__",
            "mooring",
        }


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.bare])
def test_each_bare_call_is_sent_whole(name: str) -> None:
    status, (refused,) = bare(name, no_such_argument=1)
    assert status == 2
    assert f"{name} takes no no_such_argument; it takes " in refused["refused"]["message"]


def test_an_installed_call_is_one_line_of_json(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mooring.host"]
    status, (refused,) = called(
        words, request("status", root=str(tmp_path), instance="api"), PYTHONPATH=SOURCES
    )
    assert (status, refused["refused"]["status"]) == (3, 3)
    assert refused["refused"]["message"].startswith(f"Nothing is deployed in {tmp_path} on this host")
    status, (refused,) = called(words, request("no.such"), PYTHONPATH=SOURCES)
    assert status == 2
    assert "knows no call no.such: deploy first" in refused["refused"]["message"]


@pytest.mark.parametrize(
    "line", [b"", b"[]\n", b"{}\n", b'{"call": 1, "arguments": {}, "check": false}\n', b"[" * 99999]
)
def test_what_is_no_call_is_refused(line: bytes) -> None:
    out = io.StringIO()
    assert dispatch.serve(lambda _: pytest.fail("it was called"), io.BytesIO(line), out) == 2
    assert "what came is no call" in json.loads(out.getvalue())["refused"]["message"]


def greet(name: str, times: int = 1, *, check: bool, progress: Any) -> dict[str, Any]:
    """Greet somebody."""
    progress("greeting\x1b[2J")
    if name == "nobody":
        raise errors.NothingThereError("there is nobody")
    if name == "a file":
        raise FileNotFoundError(2, "No such file or directory", "/there")
    return {"changed": not check, "said": ["hello " + name] * times}


def serve(**arguments: Any) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    status = dispatch.serve(lambda _: (greet, False), io.BytesIO(request("greet", **arguments)), out)
    return status, [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_call_tells_how_it_goes_and_what_it_has_done() -> None:
    assert serve(name="you", times=2) == (
        0,
        [{"progress": "greeting\\x1b[2J"}, {"result": {"changed": True, "said": ["hello you"] * 2}}],
    )
    assert serve(name="nobody")[1][-1] == {"refused": {"message": "there is nobody", "status": 3}}
    assert serve(name="a file")[1][-1] == {
        "refused": {"message": "/there: No such file or directory", "status": 1}
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "greet lacks name"),
        ({"name": 1}, "greet has as name 1, which is not a text"),
        ({"name": "x", "times": True}, "greet has as times True, which is not a whole number"),
        ({"name": "x", "check": True}, "greet takes no check; it takes name, times"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], words: str) -> None:
    status, (refused,) = serve(**arguments)
    assert (status, refused["refused"]["message"]) == (2, words)


def test_in_check_mode_nothing_is_changed() -> None:
    def change(name: str) -> dict[str, Any]:
        pytest.fail(name)

    assert dispatch.run("x", change, {"name": "y"}, check=True) == {"changed": False, "skipped": True}
    assert dispatch.run("x", greet, {"name": "y"}, check=True)["changed"] is False


def test_what_a_host_answers_is_read_whatever_it_is() -> None:
    lines = ["motd", "[1]", '{"progress": "a"}', '{"progress": 1}', '{"result": {"changed": true}}']
    found = on_host.answered("x", "\n".join(lines), "")
    assert (found.result, found.progress, found.status) == ({"changed": True}, ["a"], 0)
    found = on_host.answered("x", '{"refused": {"message": "no", "status": true, "holder": []}}', "")
    assert (found.result, found.why, found.status, found.holder) == (None, "no", 1, {})
    assert on_host.answered("x", "", "Traceback").why == "Traceback"
    assert on_host.answered("x", "", "").why == "the host has not answered the call x"


def test_names_of_a_deployment_are_the_same_in_ansible() -> None:
    variables = (REPOSITORY / "roles/site/vars/main/main.yml").read_text(encoding="utf-8")
    assert f"  instance: [{', '.join(sorted([DATA, *OWN_NAMES]))}]" in variables
