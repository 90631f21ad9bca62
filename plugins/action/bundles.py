"""Ansible action: builds the bundles of a host's virtualenvs on the controller, or finds them built; see `tools/bundle`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.mooring.mooring.plugins.plugin_utils.sources import REPOSITORY

from bundle import cache
from bundle.__main__ import build, parse
from bundle.errors import BundleError

KINDS = ("source", "requirements", "app-requirements", "build-requirements")
"""The options of `python -m bundle` that may be given several times; a wanted bundle has them as lists."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs on the controller alone."""

    _supports_check_mode = True
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build them; `failed` and `msg` when something cannot be built."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given, folder = self._task.args, Path(str(self._task.args["cache"]))
        os.chdir(REPOSITORY)  # what an inventory names is relative to it; this process is the task's own
        result["changed"] = False  # the target has not changed yet
        try:
            with cache.private_umask(), cache.alone(folder):
                result["bundles"] = {
                    name: build(parse(self._words(dict(wanted)))) for name, wanted in given["wanted"].items()
                }
        except BundleError as error:
            result.update(failed=True, msg=str(error))
        except OSError as error:
            why = f"{error.filename}: {error.strerror} (the bundles are kept in {folder})"
            result.update(failed=True, msg=why)
        return result

    def _words(self, wanted: dict[str, list[str]]) -> list[str]:
        """Return the command line that describes a bundle."""
        given = self._task.args
        python = given["python"]
        words = [f"--cache={given['cache']}", f"--installer={given['installer']}"]
        words += [f"--python-version={'.'.join(str(part) for part in python['version'])}"]
        words += [f"--machine={python['machine']}", f"--glibc={python['libc_version']}"]
        return words + [
            f"--{kind}={file}" for kind in KINDS for file in wanted.get(kind.replace("-", "_"), [])
        ]
