"""What is run: the application's entries, the companions and the hooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mooring import casts
from preflight import program_file, values
from preflight.table import FRAMEWORKS

COMPANION = r"[a-z][a-z0-9_]*"
RESERVED = (*casts.COLOURS, "bootstrap")
"""Names of supervisord's groups that an instance has already."""
COMPANION_EXAMPLE = "for example {sandbox: multicloud.sandbox --port 10001}."
HOOK_KEYS = ("name", "command", "once", "where")
HOOK_PLACES = ("host", "controller")
HOOK_EXAMPLE = "for example {name: migrate, command: [python, -m, mysite.migrate], once: true}."


def entries(every: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with wsgi_apps."""
    given, framework = every["wsgi_apps"], every.get("web_framework")
    for name, entry in given.items():
        if name not in FRAMEWORKS:
            yield f"wsgi_apps has {values.shown(name)}, which is no framework of ours{values.did_you_mean(str(name), FRAMEWORKS)}"
            continue
        try:
            casts.entry(entry if isinstance(entry, str) else "")
        except ValueError as error:
            yield f"wsgi_apps.{name} is {values.shown(entry)}. Write {error}."
    if framework in FRAMEWORKS and framework not in given:
        why = "" if given else " (app_source has no stock Django or Pecan project that would name one)"
        yield f"web_framework is {framework}, and wsgi_apps has no entry for it{why}. Write one, or choose another framework."


def companions(every: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with companions."""
    for name, line in every["companions"].items():
        if not isinstance(name, str) or not re.fullmatch(COMPANION, name) or name in RESERVED:
            yield (
                f"companions has the name {values.shown(name)}. Write a lower-case letter, then letters, digits and _"
                f" (not {', '.join(RESERVED)}), {COMPANION_EXAMPLE}"
            )
        if not isinstance(line, str):
            yield (
                f"companions.{name} is {values.kind_of(line)}. Write a Python module and its arguments on one line,"
                f" {COMPANION_EXAMPLE}"
            )
            continue
        try:
            words = program_file.words_of(line)
        except ValueError as error:
            yield f"companions.{name} is {values.shown(line)}, which has {error}. Write a module and its arguments on one line."
            continue
        if not words or not re.fullmatch(r"[A-Za-z_][\w.]*", words[0]):
            yield f"companions.{name} is {values.shown(line)}. Begin with the name of a Python module, {COMPANION_EXAMPLE}"


def hooks(every: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with hooks_before and hooks_after."""
    for place in ("hooks_before", "hooks_after"):
        for hook in every[place]:
            if isinstance(hook, dict):
                yield from (f"{place}: the hook {values.shown(hook)} {problem}" for problem in _hook(hook))
            else:
                yield f"{place} has {values.shown(hook)}. Write a dictionary for each hook, {HOOK_EXAMPLE}"


def _hook(hook: dict[str, Any]) -> Iterator[str]:
    for key in hook:
        if key not in HOOK_KEYS:
            yield f"has {values.shown(key)}, which is none of {', '.join(HOOK_KEYS)}{values.did_you_mean(str(key), HOOK_KEYS)}"
    name, command = hook.get("name"), hook.get("command")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        yield f"wants a name of lower-case letters, digits, _ and -, {HOOK_EXAMPLE}"
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        yield f"wants a command that is a list of words (numbers in quotes), {HOOK_EXAMPLE}"
    elif any("\0" in word for word in command):
        yield "has a NUL character in its command. Leave it out."
    if not isinstance(hook.get("once", False), bool):
        yield f"has once: {values.shown(hook['once'])}. Write true or false, without quotes."
    if hook.get("where", "host") not in HOOK_PLACES:
        near = values.did_you_mean(str(hook["where"]), HOOK_PLACES)
        yield f"has where: {values.shown(hook['where'])}, and may have {' or '.join(HOOK_PLACES)}{near}"
