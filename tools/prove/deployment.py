"""A deployment as operators reach it: playbooks from this machine, supervisorctl and Mooring's program on its host.

Playbooks run in a session of their own: a signal to the proof, or its end, leaves them to go to theirs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from prove import state
from prove.errors import OperationError
from prove.load import PYTHONPATH
from prove.operations import DEPLOY, Played
from prove.settings import Settings

COLLECTION: Final = "mooring.mooring"
_ADHOC: Final = re.compile(
    r"^\S+ \| [A-Z!]+ \| rc=(?P<rc>-?[0-9]+) >>\n(?P<text>.*)",
    re.MULTILINE | re.DOTALL,
)
"""What `ansible` prints of one host (its callback `minimal`)."""
_CHANGED: Final = re.compile(r" changed=([0-9]+) ")


class Deployment:
    """The instance of a proof. `folder` is the proof's own, for the site's variables, secrets among them."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._site = folder / "site.json"
        self._site.touch(mode=0o600)
        self._site.write_text(json.dumps(settings.site), encoding="utf-8")
        self.instance = settings.instance

    def play(self, playbook: str, **changes: Any) -> Played:
        """Run a playbook as an operator does, with some variables changed for this run."""
        return self._play(playbook, "-e", json.dumps(changes))

    def differs(self) -> str:
        """Return "" when a deploy would change nothing, else the last lines of what it would do, or why it cannot tell."""
        done = self._play(DEPLOY, "--check")
        found = _CHANGED.search(done.output)
        if done.status == 0 and found and found[1] == "0":
            return ""
        return (
            "\n".join(done.output.splitlines()[-20:])
            if done.status
            else f"It would change {found[1] if found else '?'}."
        )

    def supervisorctl(self, *words: str) -> str:
        """Run the supervisorctl of the instance's supervisord on its host. OperationError when it cannot be run."""
        supervisor = self._settings.supervisor
        return self._on_host(
            [f"{supervisor}/venv/bin/supervisorctl", "-c", f"{supervisor}/supervisord.conf", *words]
        )

    def look(self) -> state.State:
        """Return what runs now. OperationError when the host does not tell."""
        return state.look(self._call)

    def restore(self, before: state.State) -> None:
        """Remove, under the instance's lock, the releases that were not there before; rollback leads where it led.

        OperationError, when somebody else has the lock, too.
        """
        self._call("releases.restore", previous=before.previous, known_releases=list(before.releases))

    # --- how it is run -----------------------------------------------------------------------------------------

    def _play(self, playbook: str, *arguments: str) -> Played:
        limit = ["--limit", self._settings.hostname]
        words = ["ansible-playbook", *self._options(), *limit, *arguments, f"{COLLECTION}.{playbook}"]
        return self._run(words)

    def _options(self) -> list[str]:
        return [
            *(f"--inventory={each}" for each in self._settings.controller.inventories),
            "-e",
            f"@{self._site}",
        ]

    def _run(self, words: Sequence[str]) -> Played:
        controller = self._settings.controller
        environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "ANSIBLE_NOCOLOR": "1"}
        environment.pop(
            "ANSIBLE_FORCE_COLOR", None
        )  # it wins over the other one, and the output is read by a program
        environment["ANSIBLE_STDOUT_CALLBACK"] = "default" if words[0] == "ansible-playbook" else "minimal"
        if controller.config:
            environment["ANSIBLE_CONFIG"] = controller.config
        # A file, and no pipe: it goes on to its end also when nobody reads any more
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [str(controller.bin / words[0]), *words[1:]],
                cwd=controller.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            status = process.wait()
            output.seek(0)
            return Played(status, output.read().decode("utf-8", "replace"))

    def _call(self, name: str, **arguments: Any) -> dict[str, Any]:
        words, stdin = state.request(name, Path(self._settings.home), **arguments)
        return state.result(self._on_host(words, stdin))

    def _on_host(self, argv: Sequence[str], stdin: str = "") -> str:
        """Run a program where the instance is; what it has written to its standard output. OperationError when it cannot run."""
        if not self._settings.controller.local:
            return self._module("ansible.builtin.command", {"argv": list(argv), "stdin": stdin})
        try:
            done = subprocess.run(
                argv,
                input=stdin,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                start_new_session=True,
            )
        except OSError as error:
            raise OperationError(f"{argv[0]}: {error.strerror}") from error
        if done.returncode and not stdin:
            raise OperationError(
                f"{argv[0]} ended with status {done.returncode}: {(done.stderr or done.stdout).strip()}"
            )
        return done.stdout or done.stderr

    def _module(self, name: str, arguments: dict[str, Any]) -> str:
        """Run a command module on the host, and return what it has written. OperationError when the host is not reached."""
        words = [
            "ansible",
            self._settings.hostname,
            *self._options(),
            "-m",
            name,
            "-a",
            json.dumps(arguments),
        ]
        done = self._run(words)
        found = _ADHOC.search(done.output)
        if not found or (found["rc"] != "0" and "stdin" not in arguments):
            raise OperationError(f"{name} on {self._settings.hostname} failed: {done.output.strip()}")
        return found["text"]
