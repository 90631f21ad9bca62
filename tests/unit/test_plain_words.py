"""What our programs write to a terminal goes through `mooring.texts`, so that no text of others steers it or forges a line."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

from mooring import texts
from mooring_load import report
from multicloud.parity import Response
from support.fuzzing import check_plain
from support.places import REPOSITORY

OTHERS = {
    "app/mooring/src/mooring/texts.py": "it is the one place",
    "app/mooring/src/mooring/host/pythons.py": "JSON, also of the program that it hands to other interpreters",
    "app/mooring/src/mooring/worker/log.py": "the log's own streams; each line that is not JSON is plain",
    "app/mooring/src/mooring/worker/forks.py": "an application's words at the end of its own child, as Python writes them",
    "app/multicloud/src/multicloud/parity.py": "multicloud imports nothing of mooring: all that it shows of others is a repr",
    "app/multicloud/src/multicloud/sandbox/__main__.py": "multicloud imports nothing of mooring: its lines are ASCII",
    "app/multicloud/src/multicloud/core/settings.py": "its own table",
    "tools/bundle/fetch.py": "runs without our modules; bundle.sdists reads what it says",
    "tools/roles_doc.py": "its own words, and the names of roles",
    "tools/variables_doc.py": "its own words",
}
"""Files that write by themselves, and why they may."""


def programs() -> Iterator[tuple[str, Path]]:
    """Go through the programs of ours, but for the measuring ones, which read nothing of others."""
    for folder in ("app", "tools"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            name = str(path.relative_to(REPOSITORY))
            if not name.startswith("tools/bench/"):
                yield name, path


def is_harmless(said: ast.expr) -> bool:
    """Tell whether what is written is JSON, which escapes all that is not ASCII, or our own words alone."""
    if isinstance(said, ast.BinOp):
        return is_harmless(said.left) and is_harmless(said.right)
    return isinstance(said, ast.Constant) or (
        isinstance(said, ast.Call) and ast.unparse(said.func) == "json.dumps"
    )


def written_raw(source: str) -> list[str]:
    """List what a program writes to standard output or error by itself."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    writes = {f"sys.{stream}.{how}" for stream in ("stdout", "stderr") for how in ("write", "writelines")}
    return [
        ast.unparse(call)
        for call in calls
        if ast.unparse(call.func) in {*writes, "print"}
        or (ast.unparse(call.func) == "sys.exit" and isinstance(call.args[0], ast.JoinedStr))
        if not is_harmless(call.args[0])
    ]


def test_what_a_program_writes_is_plain() -> None:
    """The way out of a failure here: write by `mooring.texts.write_line` or `write_lines`."""
    found = {name: written_raw(path.read_text(encoding="utf-8")) for name, path in programs()}
    assert len(found) > 150
    assert {name: calls for name, calls in found.items() if calls and name not in OTHERS} == {}


def test_a_raw_write_is_found() -> None:
    assert (
        len(written_raw("print(error, file=sys.stderr)\nsys.stderr.write(f'{error}')\nsys.exit(f'{error}')"))
        == 3
    )
    assert (
        written_raw(
            "sys.stdout.write(json.dumps(found) + '\\n')\nprint('done')\ntexts.write_line(sys.stderr, error)"
        )
        == []
    )
    assert all((REPOSITORY / name).exists() for name in OTHERS)


HOSTILE = (
    "\x1b[2J\x9b31m\x1b]0;x\x07\rover\x08\nforged\x85forged\u2028forged\u2029\u202egpj\u2066\u200f\x7f\ud800"
)


def test_a_line_is_one_line() -> None:
    stream = io.StringIO()
    texts.write_line(stream, HOSTILE)
    assert stream.getvalue().count("\n") == 1
    check_plain(stream.getvalue(), kept="\n")
    assert stream.getvalue().startswith(r"\x1b[2J\x9b31m\x1b]0;x\x07\rover\x08\nforged\x85forged\u2028forged")


def test_of_several_lines_the_ends_stay() -> None:
    stream = io.StringIO()
    texts.write_lines(stream, "one\n\ttwo\rthree\x1b")
    assert stream.getvalue() == "one\n\ttwo\\rthree\\x1b\n"


def test_a_servers_words_in_the_report_of_a_load_are_plain() -> None:
    """The header that names the server's process, and what llhttp quotes of an answer."""
    failure = {
        "time": 1.0,
        "failure": "malformed",
        "phase": "head",
        "request": "GET /",
        "id": "1",
        "connection": "new",
        "local_port": 1,
        "responses_before": 0,
        "seconds": 0.1,
        "holder": HOSTILE,
        "operations": [],
        "detail": HOSTILE,
    }
    check_plain(report.describe(failure))


def test_a_servers_words_in_a_parity_report_are_plain() -> None:
    check_plain(str(Response(200, (("content-type", HOSTILE),), HOSTILE.encode("utf-8", "surrogatepass"))))
