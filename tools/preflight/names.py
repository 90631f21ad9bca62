"""Names of variables that are close to a setting's, and are none: most likely slips of the pen.

Ansible itself takes any name, so that `-e worker=3` would be silent. An extra variable (`-e`) is there to change
something: a near miss is refused. In an inventory's files other people's variables have their place, so a near miss
is told and not refused; and not told when the setting itself has been given another value than its default.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from preflight import values

CLOSE = 0.8
"""How alike two names are (difflib's ratio) to be taken for one."""
LONG = 8
"""Letters of a word that is taken for a setting's last one: `framework`, but not `name`."""


def refused(extra: Iterable[str], settings: Collection[str], known: Collection[str]) -> Iterator[str]:
    """Say which of the extra variables are near misses of settings; `known` are names that are used otherwise."""
    for name in sorted(set(extra) - set(known)):
        if near := miss(name, settings):
            yield f"-e {name} is no setting; did you mean {near}? If the variable is your own, give it another name."


def noticed(
    names: Iterable[str], settings: Collection[str], known: Collection[str], given: Collection[str]
) -> Iterator[str]:
    """Say which of an inventory's variables are near misses of settings that are not given themselves."""
    for name in sorted(set(names) - set(known)):
        near = miss(name, settings)
        if near and near not in given:
            yield f"The inventory has {name}, which is no setting and changes nothing; did you mean {near}?"


def miss(name: str, settings: Collection[str]) -> str:
    """Find the setting that a name is a near miss of; "" for none.

    A slip keeps the first letter (read_timeout is somebody's own, and no gate_timeout), or leaves the first word away.
    """
    if name in settings or name.startswith(("ansible_", "_")):
        return ""
    shortened = [each for each in settings if len(name) >= LONG and each.endswith(f"_{name.lower()}")]
    alike = [each for each in settings if each[0] == name[0].lower()]
    return shortened[0] if len(shortened) == 1 else values.nearest(name, alike, CLOSE)
