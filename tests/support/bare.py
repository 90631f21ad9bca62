"""A bare call as a controller makes it: the program is sent to a Python that has nothing of ours, and the call behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import on_host

READ = [sys.executable, "-I", "-S", "-c", on_host.READ]


def request(call: str, arguments: dict[str, Any]) -> tuple[list[str], bytes]:
    """Return the command, and what goes to its standard input."""
    program = on_host.bare_program(call).encode()
    asked = json.dumps({"call": call, "arguments": arguments, "check": False}).encode()
    return [*READ, str(len(program))], program + asked + b"\n"


def ask(call: str, arguments: dict[str, Any], data: bytes = b"", **options: Any) -> on_host.Answered:
    """Make the call; `data` follows it, `options` are those of a process."""
    command, asked = request(call, arguments)
    if python := options.pop("python", None):
        command[0] = python
    done = subprocess.run(
        command, input=asked + data, capture_output=True, check=False, timeout=120, **options
    )
    found = on_host.answered(call, done.stdout.decode(), done.stderr.decode())
    assert (done.returncode, done.stderr) == (found.status, b"")
    return found
