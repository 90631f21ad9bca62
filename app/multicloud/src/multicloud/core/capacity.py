"""check_vim_capacity: which of the regions have room, asked of all their drivers side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any

from multicloud.core import answer, shallow
from multicloud.core.answer import RefusedError
from multicloud.core.settings import variable

Ask = Callable[[str, str, str, bytes], Any]
"""Asks one region: owner, region, path below the prefix, body. Returns the driver's JSON, None for any
failure.
"""

MOST_WANTED = 4096
"""Bytes of what each driver is sent: it is sent to each region."""

_WANTED = ("vCPU", "Memory", "Storage")
_OWNER, _REGION = "cloud-owner", "cloud-region-id"
_SEGMENT = re.compile("[0-9a-zA-Z_-]+")


def parse(body: bytes, version: str, most: int) -> tuple[bytes, list[Any]]:
    """Return the body to send to each driver, and the regions that were asked for, at most ``most``.

    Raises RefusedError with the answer to a body that cannot be used.
    """
    try:
        request = shallow.loads(body)
    except ValueError as error:
        raise RefusedError(answer.invalid_body(error)) from error
    if not isinstance(request, dict):
        raise RefusedError(answer.invalid_body("is not a JSON object"))
    vims = request.get("VIMs", [])
    if not isinstance(vims, list):
        raise RefusedError(answer.invalid_body("has VIMs that are not a list"))
    if len(vims) > most:
        raise RefusedError(answer.too_many_vims(most, variable("capacity_vims")))
    if version == "v1":
        for vim in vims:
            if not isinstance(vim, dict) or _OWNER not in vim or _REGION not in vim:
                raise RefusedError(answer.invalid_body(f"has a VIM without {_OWNER} and {_REGION}"))
    wanted = answer.to_json({name: request.get(name, 0) for name in _WANTED})
    if len(wanted) > MOST_WANTED:
        reason = f"has {', '.join(_WANTED)} of more than {MOST_WANTED} bytes"
        raise RefusedError(answer.invalid_body(reason))
    return wanted, vims


def with_room(vims: Sequence[Any], version: str, wanted: bytes, ask: Ask, parallel: int) -> list[Any]:
    """Return the regions that have room, in the order asked; those of v1 with their availability zones.

    Each region is asked once, however often it is named, and at most ``parallel`` at the same time.
    """
    named = [_region(vim, version) for vim in vims]
    regions = list(dict.fromkeys(region for region in named if region is not None))
    zones: dict[tuple[str, str], Any] = {}
    waiting = iter(regions)  # next() of a list's iterator is atomic: each region is taken once

    def work() -> None:
        for owner, region in waiting:
            path = f"{owner}_{region}" if version == "v0" else f"{owner}/{region}"
            answered = ask(owner, region, f"{version}/{path}/capacity_check", wanted)
            if isinstance(answered, dict) and answered.get("result"):
                zones[owner, region] = answered.get("AZs", [])

    others = [Thread(target=work, daemon=True) for _ in range(min(parallel, len(regions)) - 1)]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    return [
        vim if version == "v0" else {**vim, "AZs": zones[region]}
        for vim, region in zip(vims, named, strict=True)
        if region in zones
    ]


def _region(vim: Any, version: str) -> tuple[str, str] | None:
    """Return owner and region of what a client calls a VIM, None if it names none."""
    if version == "v0":
        owner, _, region = vim.partition("_") if isinstance(vim, str) else ("", "", "")
    else:
        owner, region = vim[_OWNER], vim[_REGION]
    for part in (owner, region):
        if not isinstance(part, str) or not _SEGMENT.fullmatch(part):
            return None
    return owner, region
