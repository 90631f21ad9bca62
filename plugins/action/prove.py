"""Ansible action: runs the proof of one host, `tools/prove`, on the controller, with the values of the role's variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible import constants as C  # noqa: N812 - its usual name
from ansible.plugins.action import ActionBase
from ansible_collections.mooring.mooring.plugins.plugin_utils.sources import REPOSITORY, SOURCES

PREFIX = "prove_"
LINES = 20


def read(path: Path) -> dict[str, Any]:
    """Read a file of variables."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def plain(value: Any) -> Any:
    """Take a templated value out of its lazy containers."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs on the controller alone."""

    _supports_check_mode = True
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Prove; in check mode, only check all that is checked before. `failed` and `msg` when it is not proved."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        settings = self._settings(task_vars or {})
        command = [
            sys.executable,
            "-m",
            "prove",
            "--settings",
            "-",
            "--json",
            "--end-with",
            str(os.getppid()),
        ]
        if self._task.check_mode:
            command.append("--check")
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(SOURCES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        with process.stdin as stdin:  # type: ignore[union-attr] # a pipe
            json.dump(settings, stdin)
        ended, others = self._listen(process.stdout)
        status = process.wait()
        why = ended.get("message") or "\n".join(others[-LINES:])
        result.update(changed="report" in ended, status=status, report=ended.get("report", ""))
        if status:
            result.update(failed=True, msg=why or f"python -m prove ended with status {status}")
        return result

    def _listen(self, output: Any) -> tuple[dict[str, Any], list[str]]:
        """Tell at once what it tells; return its last word, and lines that are not its own (a traceback)."""
        ended: dict[str, Any] = {}
        others = []
        for line in output:
            try:
                told = json.loads(line)
            except ValueError:
                others.append(line.rstrip())
                continue
            if "progress" in told:
                self._display.display(told["progress"])
            else:
                ended = told.get("result") or told.get("refused") or {}
        return ended, others

    def _settings(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Return what `prove.settings` reads: secrets are among it, so that no task has it as an argument."""

        def values(names: list[str]) -> dict[str, Any]:
            return {name: plain(self._templar.template(variables[name])) for name in names}

        own = values(list(read(REPOSITORY / "roles/prove/defaults/main.yml")))
        site = values(list(read(REPOSITORY / "roles/site/defaults/main.yml")))
        site |= {"api_port": plain(self._templar.template(variables["site_port"]))}
        return {
            **{name.removeprefix(PREFIX): value for name, value in own.items()},
            "hostname": str(variables["inventory_hostname"]),
            # Nothing is pruned meanwhile, and no command of the inventory's own runs
            "site": {**site, "releases_kept": 100, "hooks_before": [], "hooks_after": []},
            "controller": {
                "folder": str(self._templar.template(variables["site_folder"])),
                "bin": str(Path(sys.executable).parent),
                "inventories": [str(each) for each in variables.get("ansible_inventory_sources") or []],
                "config": str(C.CONFIG_FILE or ""),
                "local": self._connection.transport == "local" and not self._play_context.become,
            },
        }
