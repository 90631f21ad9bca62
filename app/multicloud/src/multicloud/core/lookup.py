"""Which driver serves a region: A&AI knows the region's type and version, the driver table the rest."""

from __future__ import annotations

from base64 import b64encode
from collections import OrderedDict
from threading import Lock
from time import monotonic

from multicloud.core import answer, shallow
from multicloud.core.answer import RefusedError
from multicloud.core.client import Client, Outgoing, Service
from multicloud.core.settings import Settings
from multicloud.core.upstream import TooLongError, UpstreamError, UpstreamTimeoutError

_MOST = 1 << 20
"""Bytes of an answer of A&AI that are read; a region's takes a few thousand."""

_FAKE = ("vmware", "fake")
"""The region that is there without A&AI, of this type and version:"""
_FAKE_TYPE = ("vmware", "4.0")


class Lookup:
    """Asks A&AI for regions; remembers its answers if the settings say so."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._service = Service.of(settings.aai_url, settings.aai_ca_file, verify=settings.aai_tls_verify)
        self._fields = {"Accept": "application/json", "X-FromAppId": "MultiCloud"}
        if settings.aai_user:
            credentials = f"{settings.aai_user}:{settings.aai_password.reveal()}"
            self._fields["Authorization"] = "Basic " + b64encode(credentials.encode()).decode()
        self._memory = _Memory(settings.aai_cache_seconds, settings.aai_cache_entries)

    def driver(self, owner: str, region: str, request_id: str, deadline: float) -> str:
        """Return the name of the region's driver, by ``deadline`` (of time.monotonic).

        Raises RefusedError with the answer to give.
        """
        if (owner, region) == _FAKE:
            return self._driver(*_FAKE_TYPE)
        known = self._memory.get((owner, region))
        if known is None:
            known = self._ask(owner, region, request_id, deadline)
            self._memory.put((owner, region), known)
        return self._driver(*known)

    def _driver(self, vim_type: object, version: object) -> str:
        driver = self._settings.drivers.driver(vim_type, version)
        if driver is None:
            raise RefusedError(answer.UNSUPPORTED_TYPE)
        return driver

    def _ask(self, owner: str, region: str, request_id: str, deadline: float) -> tuple[object, object]:
        """Return what A&AI holds as the region's type and version. Raises RefusedError."""
        settings = self._settings
        path = f"{settings.aai_schema}/cloud-infrastructure/cloud-regions/cloud-region/{owner}/{region}"
        fields = {**self._fields, "X-TransactionId": request_id}
        try:
            outgoing = Outgoing("GET", f"{settings.aai_url}/{path}", fields)
            received = self._client.send(self._service, outgoing, deadline)
            if not 200 <= received.status <= 299 or received.status == 203:
                received.close()
                raise RefusedError(answer.unknown_region(owner, region))
            return _region_facts(received.read_all(_MOST))
        except TooLongError as error:
            raise RefusedError(answer.aai_unusable("is too long")) from error
        except UpstreamTimeoutError as error:
            raise RefusedError(answer.aai_slow()) from error
        except UpstreamError as error:
            raise RefusedError(answer.unknown_region(owner, region)) from error


def _region_facts(body: bytes) -> tuple[object, object]:
    try:
        facts = shallow.loads(body)
    except ValueError as error:
        raise RefusedError(answer.aai_unusable("is not JSON")) from error
    if not isinstance(facts, dict):
        raise RefusedError(answer.aai_unusable("is not a JSON object"))
    for key in ("cloud-type", "cloud-region-version"):
        if key not in facts:
            raise RefusedError(answer.aai_unusable(f"lacks {key}"))
    return facts["cloud-type"], facts["cloud-region-version"]


class _Memory:
    """A bounded memory of what A&AI told, each entry for a limited time; nothing is remembered for 0 seconds."""

    def __init__(self, seconds: float, entries: int) -> None:
        self._seconds = seconds
        self._most = entries
        self._entries: OrderedDict[tuple[str, str], tuple[float, tuple[object, object]]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, str]) -> tuple[object, object] | None:
        if not self._seconds:
            return None
        with self._lock:
            entry = self._entries.get(key)
            return entry[1] if entry and monotonic() < entry[0] else None

    def put(self, key: tuple[str, str], value: tuple[object, object]) -> None:
        if not self._seconds:
            return
        with self._lock:
            self._entries.pop(key, None)
            while len(self._entries) >= self._most:
                self._entries.popitem(last=False)  # all live equally long, so the first is the oldest
            self._entries[key] = (monotonic() + self._seconds, value)
