"""check_vim_capacity: which of the regions have room, asked of all their drivers side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Any

from multicloud.client import Request
from multicloud.core import responses, shallow
from multicloud.core.msb import Msb
from multicloud.core.responses import RequestError
from multicloud.core.settings import variable

Ask = Callable[[str, str, str, bytes], Any]
"""Asks one region: owner, region, path below the prefix, body. Returns the driver's JSON, None for any
failure.
"""

MAX_WANTED = 4096
"""Bytes of what each driver is sent: it is sent to each region."""

MAX_RESPONSE = 1 << 16
"""Bytes of a driver's response that are read. Parsed it can take twenty times as much memory, for each region."""

_WANTED = ("vCPU", "Memory", "Storage")
_OWNER, _REGION = "cloud-owner", "cloud-region-id"
_SEGMENT = re.compile("[0-9a-zA-Z_-]+")


def parse(body: bytes, version: str, most: int) -> tuple[bytes, list[Any]]:
    """Return the body to send to each driver, and the regions that were asked for, at most ``most``.

    Raises RequestError with the response to a body that cannot be used.
    """
    try:
        request = shallow.loads(body)
    except ValueError as error:
        raise RequestError(responses.invalid_body(error)) from error
    if not isinstance(request, dict):
        raise RequestError(responses.invalid_body("is not a JSON object"))
    vims = request.get("VIMs", [])
    if not isinstance(vims, list):
        raise RequestError(responses.invalid_body("has VIMs that are not a list"))
    if len(vims) > most:
        raise RequestError(responses.too_many_vims(most, variable("capacity_vims")))
    if version == "v1":
        for vim in vims:
            if not isinstance(vim, dict) or _OWNER not in vim or _REGION not in vim:
                raise RequestError(responses.invalid_body(f"has a VIM without {_OWNER} and {_REGION}"))
    wanted = responses.to_json({name: request.get(name, 0) for name in _WANTED})
    if len(wanted) > MAX_WANTED:
        reason = f"has {', '.join(_WANTED)} of more than {MAX_WANTED} bytes"
        raise RequestError(responses.invalid_body(reason))
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
            found = ask(owner, region, f"{version}/{path}/capacity_check", wanted)
            if isinstance(found, dict) and found.get("result"):
                zones[owner, region] = found.get("AZs", [])

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


def ask_driver(  # noqa: PLR0913, PLR0917 - what a question is made of
    msb: Msb,
    url: str,
    wanted: bytes,
    onward: Mapping[str, str],
    deadline: float,
    given_up: Callable[[], bool],
) -> Any:
    """Post to a driver what is wanted and return the JSON that it responds with 200, None for anything else.

    ``onward`` holds the client's headers that go with it. Nothing is sent once ``given_up`` says that nobody waits for the
    response. Raises HTTPError.
    """
    own = {
        **onward,
        "Content-Type": responses.JSON,
        "Accept": responses.JSON,
        "Content-Length": str(len(wanted)),
    }
    request = Request("POST", url, own, [wanted], lambda: wanted)
    response = msb.send(request, deadline, given_up=given_up)
    if response.status != 200:
        response.drain()
        return None
    try:
        response.decode_content()
        return shallow.loads(response.read(MAX_RESPONSE))
    except ValueError:
        return None
    finally:
        response.close()


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
