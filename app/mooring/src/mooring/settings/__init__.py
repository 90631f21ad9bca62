"""The runtime's settings: one table of environment variables, read once, checked as a whole.

``load`` collects every wrong value before it complains, so that one start tells all there is to fix. No value is ever
guessed: an empty variable counts as not set. `mooring.settings.table` has the table.
"""

from __future__ import annotations

import dataclasses
import difflib
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from mooring import status_socket, texts, untrusted
from mooring.settings.table import DEPLOY, PREFIX, RESERVE, TABLE, Settings, variable

__all__ = [
    "DEPLOY",
    "EX_USAGE",
    "PREFIX",
    "RESERVE",
    "TABLE",
    "Settings",
    "WrongSettingsError",
    "load",
    "load_or_exit",
    "read_secrets",
    "unknown",
    "variable",
]

EX_USAGE = 2
"""Exit status of a process whose configuration is wrong (1: its application is)."""


class WrongSettingsError(ValueError):
    """At least one value is wrong; ``problems`` holds one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(environ: Mapping[str, str]) -> Settings:
    """Read all settings from the environment.

    Raises WrongSettingsError, which names every variable that is wrong and what it may be.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in TABLE:
        name = variable(field.name)
        text = environ.get(name, "")
        if not text:
            if field.default is dataclasses.MISSING:
                problems.append(f"{name} is not set: {field.metadata['meaning']}.")
            continue
        try:
            values[field.name] = field.metadata["cast"](text)
        except ValueError as error:
            problems.append(f"{name} is {text!r}; allowed: {error}.")
    if not problems:
        settings = Settings(**values)
        problems = _contradictions(settings)
        if not problems:
            return settings
    raise WrongSettingsError(problems)


def _contradictions(settings: Settings) -> list[str]:
    """Return a sentence for every pair of values that cannot go together."""
    problems = []
    for path in (settings.worker_socket, settings.bootstrap_socket):
        if problem := status_socket.path_problem(path):
            problems.append(f"{variable('run_dir')} is too long: {problem}.")
            break
    problems += [
        f"{variable(other)} is set without {variable('tls_cert')}: set both, or neither."
        for other in ("tls_key", "tls_client_ca")
        if getattr(settings, other) and not settings.tls_cert
    ]
    if settings.proxy_protocol and not settings.trusted_proxies:
        problems.append(
            f"{variable('proxy_protocol')} is on without {variable('trusted_proxies')}:"
            " name the proxies that may speak it."
        )
    smoke_path = settings.smoke_path.partition("?")[0]
    if not f"{smoke_path}/".startswith(f"{settings.url_prefix}/"):
        problems.append(
            f"{variable('smoke_path')} is {settings.smoke_path}, which is not below {variable('url_prefix')}"
            f" ({settings.url_prefix}): name a path below it."
        )
    if settings.max_header_block < settings.max_request_line:
        problems.append(
            f"{variable('max_header_block')} is {settings.max_header_block},"
            f" less than {variable('max_request_line')} ({settings.max_request_line}): raise it."
        )
    problems += [
        f"{variable(grace)} is {getattr(settings, grace):g}, more than {variable('drain_timeout')}"
        f" ({settings.drain_timeout:g}): lower it, or raise the other."
        for grace in ("drain_idle_grace", "drain_first_byte_grace")
        if getattr(settings, grace) > settings.drain_timeout
    ]
    return problems


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each ``MOORING_`` variable that no setting reads: likely a slip of the pen."""
    known = [variable(field.name) for field in TABLE]
    found = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            found.append(f"{name} is read by nobody" + (f"; did you mean {near[0]}?" if near else "."))
    return found


def read_secrets(path: Path) -> dict[str, str]:
    """Read the secrets. WrongSettingsError never shows what is in the file."""
    try:
        found: Any = texts.json_object(untrusted.read_any(path))
    except OSError as error:
        raise WrongSettingsError(
            [f"{variable('secrets_file')}: {path} cannot be read: {error.strerror}."]
        ) from error
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise WrongSettingsError(
            [f"{variable('secrets_file')}: {path} is not a JSON object of strings."]
        ) from None
    return found


def load_or_exit(environ: MutableMapping[str, str], process: str) -> Settings:
    """Read all settings, and put the secrets into the environment for the application to find.

    On a wrong value say what is wrong on standard error and exit with EX_USAGE. ``process`` is how the process calls
    itself in front of each sentence.
    """
    try:
        config = load(environ)
        if config.secrets_file is not None:
            environ.update(read_secrets(config.secrets_file))
    except WrongSettingsError as error:
        for problem in error.problems:
            texts.write_line(sys.stderr, f"{process}: {problem}")
        raise SystemExit(EX_USAGE) from None
    return config
