"""A call of `mooring.host` that is killed with SIGKILL at its n-th step; run as a program, with the call on standard input.

    python -m support.kill_at 7 files,rpc /path/of/steps <<< '{"call": "switch", "arguments": {…}, "check": false}'

A step is a moment before or after something outside of the process changes: before each change of a folder or file that Python
tells of by an audit event (sys.addaudithook) or that has none (pwrite), before each program that is started, and before and
after each call by which supervisord changes something. The steps that were reached are written into the file that is named, a
line each.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from mooring import rpc
from mooring.host import calls, dispatch

FILES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.chmod", "os.truncate")
"""Audit events of Python that a file or folder is about to change."""
LOOKS = ("supervisor.get", "supervisor.read", "mooring.get", "mooring.checkSocket")
"""Calls of supervisord's that change nothing begin with one of them."""


class Steps:
    """Counts the steps of this process, and ends it at the one that is given."""

    def __init__(self, last: int, kinds: set[str], log: str) -> None:
        self._last, self._kinds, self._count = last, kinds, 0
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._begun = False

    def step(self, kind: str, what: str) -> None:
        """Come to a step of that kind."""
        if not self._begun or kind not in self._kinds:
            return
        self._count += 1
        os.write(self._log, f"{what}\n".encode())
        if self._count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILES:
            self.step("files", f"{event} {arguments[0]!r}")
        elif event == "open" and arguments[2] & (os.O_CREAT | os.O_TRUNC):
            self.step("files", f"open {arguments[0]!r}")
        elif event == "subprocess.Popen":
            self.step("programs", f"start {arguments[1]!r}")

    def install(self) -> None:
        """Have the process come to its steps; they count from `begin` on."""
        ask, pwrite, run = rpc.call, os.pwrite, subprocess.run

        def call(control: Any, method: str, *more: Any) -> Any:
            if method.startswith(LOOKS):
                return ask(control, method, *more)
            self.step("rpc", f"before {method}")
            answer = ask(control, method, *more)
            self.step("rpc", f"after {method}")
            return answer

        def write(*arguments: Any) -> int:
            self.step("files", "pwrite")
            return pwrite(*arguments)

        def run_program(*arguments: Any, **options: Any) -> Any:
            done = run(*arguments, **options)
            self.step("programs", f"after {done.args!r}")
            return done

        rpc.call, os.pwrite, subprocess.run = call, write, run_program  # type: ignore[assignment]
        sys.addaudithook(self._audit)

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function; its steps count."""

        @functools.wraps(function)
        def counted(*arguments: Any, **options: Any) -> Any:
            self._begun = True
            return function(*arguments, **options)

        return counted


def main() -> int:
    """Serve the call as `python -m mooring.host` does."""
    steps = Steps(int(sys.argv[1]), set(sys.argv[2].split(",")), sys.argv[3])

    def find(name: str) -> tuple[Callable[..., dict[str, Any]], bool]:
        function, looks = calls.find(name)
        return steps.counted(function), looks

    sys.dont_write_bytecode = True
    steps.install()
    return dispatch.serve(find, sys.stdin.buffer, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
