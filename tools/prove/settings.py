"""What a proof needs to know of a site, as `roles/prove` hands it over, and the sentences for what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from prove.errors import SettingsError

PREFIX: Final = "prove_"
"""What stands before a setting's name in an inventory."""

_BOUNDS: Final = {
    "rate": (5000, "requests for each second"),
    "requests": (5_000_000, "requests in all"),
    "timeout": (600, "seconds for one request"),
    "hang": (600, "seconds for a release that hangs on purpose"),
}


@dataclass(frozen=True)
class Controller:
    """How this machine reaches the host: by Ansible, with the options of the run that asks for the proof."""

    folder: Path
    """The site's folder, in which playbooks are run, by their names in the collection."""
    bin: Path
    """The folder with ansible-playbook and ansible."""
    inventories: tuple[str, ...]
    config: str = ""
    """The ansible.cfg of the run, "" for the one that Ansible finds."""
    local: bool = False
    """Whether the host is this machine, and commands there need no other user."""


@dataclass(frozen=True)
class Settings:
    """One host's; each is the variable of the same name with `prove_` before it (roles/prove/defaults/main.yml)."""

    url: str
    allow: tuple[str, ...]
    host: str
    get_path: str
    get_status: int
    get_same: bool
    post_path: str
    post_body: str
    post_answer: str
    count_file: str
    rate: int
    requests: int
    timeout: int
    skip: tuple[str, ...]
    only: tuple[str, ...]
    report: str
    hang: int
    workers: int
    framework: str
    wsgi_apps: dict[str, str]
    environment: dict[str, str]
    instance: str
    home: str
    supervisor: str
    hostname: str
    """The host's name in the inventory."""
    site: dict[str, Any]
    """The site's variables as they are now: the proof's playbooks must not deploy anything else than is live."""
    controller: Controller


def read(given: Mapping[str, Any]) -> Settings:
    """Return the settings, checked. SettingsError has a line for each that is wrong."""
    names = {each.name for each in fields(Settings)}
    missing, unknown = sorted(names - set(given)), sorted(set(given) - names)
    if missing or unknown:
        raise SettingsError(
            f"the settings lack {', '.join(missing) or 'nothing'} and have unknown {', '.join(unknown) or 'nothing'}:"
            " python -m prove --help names them all"
        )
    if found := wrong(given):
        raise SettingsError("\n".join(found))
    controller = given["controller"]
    return Settings(
        **{
            **given,
            **{name: int(given[name]) for name in ("get_status", "workers", *_BOUNDS)},
            **{name: tuple(map(str, given[name])) for name in ("allow", "skip", "only")},
            "controller": Controller(
                folder=Path(controller["folder"]),
                bin=Path(controller["bin"]),
                inventories=tuple(controller["inventories"]),
                config=controller["config"],
                local=controller["local"],
            ),
        }
    )


def wrong(given: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each setting that cannot be: the variable, its value, what to write."""
    found = [
        f"{PREFIX}{name} is {_shown(given[name])}. Write a whole number from 1 to {most}: {what}."
        for name, (most, what) in _BOUNDS.items()
        if not (re.fullmatch("[0-9]{1,9}", str(given[name])) and 1 <= int(given[name]) <= most)
    ]
    if given["post_path"] and not re.fullmatch("/[!-~]*", given["post_path"]):
        found.append(
            f"{PREFIX}post_path is {_shown(given['post_path'])}. Write a path that begins with / and has no spaces,"
            ' or "" for no POSTs.'
        )
    found += [
        f"{PREFIX}{name} is {_shown(given[name])}. Write %(id)s for the request's own id, and %% for a percent sign."
        for name in ("post_body", "post_answer")
        if "%" in given[name].replace("%%", "").replace("%(id)s", "")
    ]
    if not re.match("/.", given["report"]):
        found.append(
            f"{PREFIX}report is {_shown(given['report'])}. Write the absolute path of a folder on this machine."
        )
    counted = given["count_file"]
    if counted and not (counted.startswith("/") and Path(counted).is_file()):
        found.append(
            f"{PREFIX}count_file is {_shown(counted)}, and there is no such file on this machine. Write the absolute path of"
            ' the file in which the application counts its POSTs, or "".'
        )
    return found


def chosen(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return those operations, of all their names, that this proof does. SettingsError for a name that is none."""
    for variable, given in (("skip", settings.skip), ("only", settings.only)):
        if unknown := [name for name in given if name not in names]:
            raise SettingsError(
                f"{PREFIX}{variable} has {', '.join(unknown)}, which is no operation of this proof."
                f" They are: {', '.join(names)}."
            )
    return [name for name in names if name not in settings.skip and name in (settings.only or names)]


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
