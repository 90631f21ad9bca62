"""MSB, the bus that the drivers stand behind: sends it requests, and follows its redirects where that is allowed."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from multicloud.client import HTTPError, PoolManager, Request, Response
from multicloud.core.redirects import MAX_REDIRECTS, Redirects
from multicloud.core.requestlog import Record
from multicloud.core.settings import Settings


class NobodyWaitsError(HTTPError):
    """The request was not sent, since its sender has been given up."""


class Msb:
    """Sends requests to drivers. One per process; safe to use from many threads at once."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.msb_url
        self._redirects = Redirects(settings.msb_url, settings.redirect_origins)
        self._client = PoolManager(
            settings.timeout,
            settings.pool_limits,
            ca_file=settings.msb_ca_file,
            verify=settings.msb_tls_verify,
        )
        self.deadline = self._client.deadline

    def url(self, driver: str) -> str:
        """Return the base URL of a driver: ``multicloud`` in the API's prefix is the driver's name there."""
        return f"{self._url}/api/{driver}"

    def send(
        self,
        request: Request,
        deadline: float,
        record: Record | None = None,
        given_up: Callable[[], bool] | None = None,
    ) -> Response:
        """Send a request and follow redirects; return the first response that is none, or one too many.

        The record gets the time until its head was there. Nothing is sent once ``given_up`` says so. Raises HTTPError,
        and whatever the request's body raises.
        """
        for followed in range(MAX_REDIRECTS + 1):
            if given_up is not None and given_up():
                raise NobodyWaitsError("nobody waits for the answer")
            began = perf_counter()
            response = self._client.urlopen(request, deadline)
            if record is not None:
                record.upstream_ms = round((perf_counter() - began) * 1000, 3)
            if followed == MAX_REDIRECTS:
                break
            try:
                following = self._redirects.following(request, response)
            except BaseException:
                response.close()
                raise
            if following is None:
                break
            response.drain()
            request = following
        return response
