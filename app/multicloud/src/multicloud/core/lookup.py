"""Which driver serves a region: A&AI knows the region's type and version, the driver table the rest."""

from __future__ import annotations

from base64 import b64encode
from threading import Lock

from cachetools import TTLCache

from multicloud.client import HTTPError, PoolManager, Request, ResponseTooLargeError, TimeoutExpiredError
from multicloud.core import responses, shallow
from multicloud.core.responses import RequestError
from multicloud.core.settings import Settings

MAX_RESPONSE = 1 << 20
"""Bytes of a response of A&AI that are read; a region's takes a few thousand."""

Region = tuple[str, str]
"""Its owner, and its name with that owner."""
Facts = tuple[object, object]
"""What A&AI holds as a region's type and version: whatever its JSON has there."""

_FAKE = ("vmware", "fake")
"""The region that is there without A&AI, of this type and version:"""
_FAKE_TYPE = ("vmware", "4.0")


class Lookup:
    """Asks A&AI for regions; remembers its answers, a bounded number for a limited time, if the settings say so.

    Errors are never remembered. Two requests for a region that is not remembered both ask.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = PoolManager(
            settings.timeout,
            settings.pool_limits,
            ca_file=settings.aai_ca_file,
            verify=settings.aai_tls_verify,
        )
        self._headers = {"Accept": "application/json", "X-FromAppId": "MultiCloud"}
        if settings.aai_user:
            credentials = f"{settings.aai_user}:{settings.aai_password.reveal()}"
            self._headers["Authorization"] = "Basic " + b64encode(credentials.encode()).decode()
        self._cache: TTLCache[Region, Facts] | None = None
        if settings.aai_cache_seconds:
            self._cache = TTLCache(settings.aai_cache_entries, settings.aai_cache_seconds)
        self._lock = Lock()
        """TTLCache is not safe to use from many threads by itself."""

    def driver(self, owner: str, region: str, request_id: str, deadline: float) -> str:
        """Return the name of the region's driver, by ``deadline`` (of time.monotonic).

        Raises RequestError with the response to give.
        """
        if (owner, region) == _FAKE:
            return self._driver(*_FAKE_TYPE)
        return self._driver(*self._facts((owner, region), request_id, deadline))

    def _facts(self, region: Region, request_id: str, deadline: float) -> Facts:
        cache = self._cache
        if cache is None:
            return self._ask(*region, request_id, deadline)
        with self._lock:
            facts = cache.get(region)
        if facts is None:
            facts = self._ask(*region, request_id, deadline)
            with self._lock:
                cache[region] = facts
        return facts

    def _driver(self, vim_type: object, version: object) -> str:
        driver = self._settings.drivers.driver(vim_type, version)
        if driver is None:
            raise RequestError(responses.UNSUPPORTED_TYPE)
        return driver

    def _ask(self, owner: str, region: str, request_id: str, deadline: float) -> Facts:
        """Return what A&AI holds as the region's type and version. Raises RequestError."""
        settings = self._settings
        path = f"{settings.aai_schema}/cloud-infrastructure/cloud-regions/cloud-region/{owner}/{region}"
        headers = {**self._headers, "X-TransactionId": request_id}
        try:
            response = self._client.urlopen(Request("GET", f"{settings.aai_url}/{path}", headers), deadline)
            if not 200 <= response.status <= 299 or response.status == 203:
                response.close()
                raise RequestError(responses.unknown_region(owner, region))
            return region_facts(response.read(MAX_RESPONSE))
        except ResponseTooLargeError as error:
            raise RequestError(responses.aai_unusable("is too long")) from error
        except TimeoutExpiredError as error:
            raise RequestError(responses.aai_slow()) from error
        except HTTPError as error:
            raise RequestError(responses.unknown_region(owner, region)) from error


def region_facts(body: bytes) -> Facts:
    """Return what the body of A&AI's response says of a region. Raises RequestError with the response to give."""
    try:
        facts = shallow.loads(body)
    except ValueError as error:
        raise RequestError(responses.aai_unusable("is not JSON")) from error
    if not isinstance(facts, dict):
        raise RequestError(responses.aai_unusable("is not a JSON object"))
    for key in ("cloud-type", "cloud-region-version"):
        if key not in facts:
            raise RequestError(responses.aai_unusable(f"lacks {key}"))
    return facts["cloud-type"], facts["cloud-region-version"]
