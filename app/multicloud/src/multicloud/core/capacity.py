"""check_vim_capacity: which of the regions have room, asked of all their drivers side by side."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Any

from multicloud.client import HTTPError, Request
from multicloud.core import headers, responses, shallow
from multicloud.core.body import ClientGoneError, RequestBody
from multicloud.core.lookup import Lookup
from multicloud.core.msb import Msb
from multicloud.core.requestlog import record_of
from multicloud.core.responses import RequestError, Response
from multicloud.core.settings import Settings, variable
from multicloud.core.target import raw_target

CLIENT_GONE = "mooring.client_gone"
"""Where a server may put a callable that tells whether the client has gone (docs/bring-your-own-app.md)."""

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

log = logging.getLogger(__name__)


class Capacity:
    """Answers check_vim_capacity."""

    def __init__(self, settings: Settings, lookup: Lookup, msb: Msb) -> None:
        self._settings = settings
        self._lookup = lookup
        self._msb = msb

    def respond(self, environ: dict[str, Any], version: str) -> Response:
        """Return the response to a request. Raises RequestError with the response to one that cannot be used."""
        settings, record = self._settings, record_of(environ)
        try:
            body = RequestBody(environ).read_all(settings.capacity_body)
        except ClientGoneError as error:
            return responses.unreadable_body(error.status)
        if body is None:
            return responses.body_too_large(settings.capacity_body)
        wanted, vims = parse(body, version, settings.capacity_vims)
        onward = {"X-Transactionid": record.id, **headers.of_own_request(environ)}
        _, query = raw_target(environ)
        gone = environ.get(CLIENT_GONE, _cannot_tell)
        # One for all regions, so that several drivers that hang delay the response no longer than one.
        deadline = self._msb.deadline(settings.capacity_timeout)

        def ask(owner: str, region: str, path: str, content: bytes) -> Any:
            if gone():
                return None
            try:
                driver = self._lookup.driver(owner, region, record.id, deadline)
                url = f"{self._msb.url(driver)}/{path}{query}"
                return self._ask_driver(url, content, onward, deadline, gone)
            except (RequestError, HTTPError):
                return None
            except Exception:
                log.exception("a region could not be asked for its capacity")
                return None

        found = with_room(vims, version, wanted, ask, settings.capacity_parallel)
        if gone():
            record.error = "the client closed the connection before the answer"
            return responses.CLIENT_GONE
        return responses.json_response({"VIMs": found})

    def _ask_driver(
        self,
        url: str,
        wanted: bytes,
        onward: Mapping[str, str],
        deadline: float,
        given_up: Callable[[], bool],
    ) -> Any:
        """Post what is wanted to a driver; return the JSON that comes with a 200, None for any other response.

        ``onward`` holds the client's headers that go with it. Nothing is sent once ``given_up`` says that nobody waits
        for the response. Raises HTTPError.
        """
        own = {
            **onward,
            "Content-Type": responses.JSON,
            "Accept": responses.JSON,
            "Content-Length": str(len(wanted)),
        }
        request = Request("POST", url, own, [wanted], lambda: wanted)
        response = self._msb.send(request, deadline, given_up=given_up)
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


def _cannot_tell() -> bool:
    return False


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
