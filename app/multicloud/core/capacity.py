"""check_vim_capacity: which of the regions have room, asked of all their drivers side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any, NoReturn

from multicloud.core import answer, shallow
from multicloud.core.answer import RefusedError

Ask = Callable[[str, str, str, bytes], Any]
"""Asks one region: owner, region, path below the prefix, body. Returns the driver's JSON, None for any
failure.
"""

_WANTED = ("vCPU", "Memory", "Storage")
_OWNER, _REGION = "cloud-owner", "cloud-region-id"
_SEGMENT = re.compile("[0-9a-zA-Z_-]+")


def parse(body: bytes, version: str) -> tuple[bytes, list[Any]]:
    """Return the body to send to each driver, and the regions that were asked for.

    Raises RefusedError with the answer to a body that cannot be used.
    """
    try:
        request = shallow.loads(body, parse_constant=_no_number)
    except ValueError as error:
        raise RefusedError(answer.invalid_body(error)) from error
    if not isinstance(request, dict):
        raise RefusedError(answer.invalid_body("is not a JSON object"))
    vims = request.get("VIMs", [])
    if not isinstance(vims, list):
        raise RefusedError(answer.invalid_body("has VIMs that are not a list"))
    if version == "v1":
        for vim in vims:
            if not isinstance(vim, dict) or _OWNER not in vim or _REGION not in vim:
                raise RefusedError(answer.invalid_body(f"has a VIM without {_OWNER} and {_REGION}"))
    return answer.to_json({name: request.get(name, 0) for name in _WANTED}), vims


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def with_room(vims: Sequence[Any], version: str, wanted: bytes, ask: Ask, parallel: int) -> list[Any]:
    """Return the regions that have room, in the order asked; those of v1 with their availability zones.

    At most ``parallel`` regions are asked at the same time.
    """
    results: list[Any] = [None] * len(vims)
    numbers = iter(range(len(vims)))  # next() of a range is atomic: each number is taken once

    def work() -> None:
        for number in numbers:
            results[number] = _result(vims[number], version, wanted, ask)

    others = [Thread(target=work, daemon=True) for _ in range(min(parallel, len(vims)) - 1)]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    return [result for result in results if result is not None]


def _result(vim: Any, version: str, wanted: bytes, ask: Ask) -> Any:
    """Return the region as the answer shows it, None if it has no room or cannot be asked."""
    if version == "v0":
        owner, _, region = vim.partition("_") if isinstance(vim, str) else ("", "", "")
        path = vim
    else:
        owner, region = vim[_OWNER], vim[_REGION]
        path = f"{owner}/{region}"
    for part in (owner, region):
        if not isinstance(part, str) or not _SEGMENT.fullmatch(part):
            return None
    told = ask(owner, region, f"{version}/{path}/capacity_check", wanted)
    if not isinstance(told, dict) or not told.get("result"):
        return None
    return vim if version == "v0" else {**vim, "AZs": told.get("AZs", [])}
