"""The dictionaries of environment variables: app_environment, app_secrets and worker_settings.

The names with our own prefixes are those of the two settings tables, the runtime's (`mooring.settings`) and the
API's (`multicloud.core.settings`): a name that no table has is refused with the nearest, and a wrong value with the
sentence that the worker itself would say. The value of a secret stands in no sentence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from mooring import settings as runtime
from multicloud.core import settings as multicloud
from preflight import program_file, values

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
NAME_RULE = "the name of an environment variable has letters, digits and _, and begins with no digit."
SHIPPED = "multicloud."
"""The entries of the API that we ship are modules of this package."""


def of_application(every: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with app_environment and app_secrets."""
    environment, secrets = every["app_environment"], every["app_secrets"]
    yield from _names("app_environment", environment)
    yield from _names("app_secrets", secrets)
    for name, value in environment.items():
        if problem := _value(name, value):
            yield f"app_environment: {name} {problem}"
    for name, value in secrets.items():
        if not isinstance(value, str):
            yield f"app_secrets: {name} is {values.kind_of(value)}. Write a text in quotes."
        elif program_file.unholdable(name, value):
            yield f"app_secrets: {name} {program_file.unholdable(name, value)}"
    for name in sorted(set(environment) & set(secrets)):
        yield f"app_environment and app_secrets both have {name}. Leave one of them out."
    if _ships_multicloud(every):
        yield from _multicloud("app_environment", environment, secret=False)
        yield from _multicloud("app_secrets", secrets, secret=True)


def of_worker(every: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with worker_settings, in the worker's own words where it has some."""
    given = every["worker_settings"]
    setters = {runtime.variable(field.name): field.metadata["setter"] for field in runtime.TABLE}
    good: dict[str, str] = {}
    for name, value in given.items():
        if not isinstance(name, str) or not name.startswith(runtime.PREFIX):
            yield (
                f"worker_settings: {name} is no setting of the worker{_meant(name, setters)}"
                " What the application reads goes into app_environment."
            )
        elif name not in setters:
            yield f"worker_settings: {name} is no setting of the worker{_meant(name, setters)}"
        elif setters[name]:
            yield f"worker_settings: {name} is set by the deploy itself. Leave it out{_instead(setters[name])}."
        elif problem := _value(name, value, switch=True) or _cut(value):
            yield f"worker_settings: {name} {problem}"
        else:
            good[name] = program_file.as_text(value)
    for problem in _refused_by_worker(every, good):
        yield f"worker_settings: {problem}"


def _cut(value: object) -> str | None:
    """Say why a program file would cut a setting of the worker, which is read before the file of the secrets is."""
    if program_file.fits(value):
        return None
    return (
        f"is {values.shown(value)}, which supervisord's program file cannot hold: no blank before ; or #, no quote at an end,"
        " not both kinds of quotes, no control character. Write another value; a file needs another path."
    )


def _meant(name: object, known: dict[str, str]) -> str:
    near = values.nearest(str(name), [each for each in known if not known[each]])
    return f"; did you mean {near}?" if near else " (docs/variables.md lists them)."


def _instead(setter: str) -> str:
    return "" if setter == runtime.DEPLOY else f", and write {setter} instead"


def _refused_by_worker(every: dict[str, Any], given: dict[str, str]) -> list[str]:
    """Read the settings as the worker will, with the times of the inventory."""
    given_by_inventory = {
        runtime.variable(field.name): every.get(field.metadata["setter"]) for field in runtime.TABLE
    }
    environ = {
        name: str(value) for name, value in given_by_inventory.items() if isinstance(value, (str, int, float))
    }
    required = {
        runtime.variable("instance"): "instance",
        runtime.variable("app"): "application:application",
        runtime.variable("run_dir"): "/run",  # the paths of sockets are measured on the target
    }
    try:
        runtime.load({**environ, **required, **given})
    except runtime.WrongSettingsError as error:
        # A wrong value of an inventory's own setting has its sentence already.
        return [each for each in error.problems if any(name in each for name in given)]
    return []


def _names(place: str, given: dict[str, Any]) -> Iterator[str]:
    for name in given:
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            yield f"{place} has {values.shown(name)}: {NAME_RULE}"
        elif name.startswith(runtime.PREFIX):
            known = [runtime.variable(field.name) for field in runtime.TABLE]
            near = values.nearest(name, known)
            yield (
                f"{place}: {name} is a name of Mooring's own. Settings of the worker go into worker_settings"
                + (f" (did you mean {near}?)." if near and near != name else ".")
            )


def _value(name: object, value: object, *, switch: bool = False) -> str | None:
    """Say what is wrong with a value that is to be a variable's text; None when it will do."""
    switch = switch or str(name).startswith(multicloud.PREFIX)
    if isinstance(value, bool) and switch:
        return None
    if isinstance(value, bool):
        word = str(value).lower()
        return f'is {word}. Write the text that the application reads, in quotes: "{word}", "on" or "1".'
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}. Write a text in quotes."
    if not isinstance(value, (str, int, float)):
        return f'is {values.kind_of(value)}. Write a text in quotes ("" for an empty one), or leave it out.'
    return program_file.unholdable(str(name), str(value))


def _ships_multicloud(every: dict[str, Any]) -> bool:
    entries, framework = every.get("wsgi_apps"), every.get("web_framework")
    entry = entries.get(framework) if isinstance(entries, dict) and isinstance(framework, str) else ""
    return isinstance(entry, str) and entry.startswith(SHIPPED)


def _multicloud(place: str, given: dict[str, Any], *, secret: bool) -> Iterator[str]:
    casts = {multicloud.variable(field.name): field.metadata["cast"] for field in multicloud.TABLE}
    for name, value in given.items():
        if not isinstance(name, str) or not name.startswith(multicloud.PREFIX):
            continue
        if name not in casts:
            yield f"{place}: {name} is no setting of the Multi-Cloud API{values.did_you_mean(name, casts)}"
            continue
        if not isinstance(value, (str, int, float)):
            continue  # said already
        text = program_file.as_text(value)
        if not text or (name == multicloud.variable("drivers") and text.startswith("/")):
            continue  # not set; a file of the target, which is not here to be read
        try:
            casts[name](text)
        except ValueError as error:
            said = f"the value of {name} will not do" if secret else f"{name} is {values.shown(value)}"
            yield f"{place}: {said}; allowed: {error}."
