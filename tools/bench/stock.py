"""The API with parts as they come from their authors, where ours are faster: what that is worth is measured by them.

Pecan without the memory for signatures that our adapter gives it; Django with urllib3 for its client, with a pool of
connections or, as most programs use such a client, without.
"""

from __future__ import annotations

import importlib
from typing import Any

import urllib3

from multicloud.core import broker, client
from multicloud.core.client import Outgoing, Service
from multicloud.core.settings import Settings
from multicloud.pecan_web import app, argspec


def _leave_pecan_alone() -> None:
    """Stand in for ``argspec.install``."""


def make_app() -> Any:
    """Return the API by Pecan as Pecan comes, a WSGI application."""
    argspec.install = _leave_pecan_alone
    return app.make_app()


class _Whole:
    """A response that was read as a whole: what the API uses of ``multicloud.core.received.Received``."""

    def __init__(self, response: Any) -> None:
        self._body = response.data
        self.status = response.status
        self.fields = list(response.headers.items())
        self.length = len(self._body)

    def hold(self) -> bytes:
        """Return the body."""
        body: bytes = self._body
        return body


class _Client(client.Client):
    """The API's client by urllib3."""

    def __init__(self, settings: Settings, pool: Any = None) -> None:
        super().__init__(settings)
        self._pool = pool

    def send(self, service: Service, outgoing: Outgoing, deadline: float) -> Any:  # noqa: ARG002 - the API's client's
        """Send a request and return its response."""
        pool = self._pool or urllib3.PoolManager()
        try:
            return _Whole(
                pool.request(
                    outgoing.method,
                    outgoing.url,
                    body=outgoing.body,
                    headers=outgoing.fields,
                    retries=False,
                    redirect=False,
                    decode_content=False,
                )
            )
        finally:
            if self._pool is None:
                pool.clear()


def _pooled(settings: Settings) -> _Client:
    return _Client(settings, urllib3.PoolManager(maxsize=settings.pool_size))


def _django() -> Any:
    return importlib.import_module("multicloud.django_web.wsgi").application


def make_pooled() -> Any:
    """Return the API by Django whose client is urllib3 with a pool."""
    vars(broker)["Client"] = _pooled
    return _django()


def make_unpooled() -> Any:
    """Return the API by Django whose client is urllib3 with a connection for each request."""
    vars(broker)["Client"] = _Client
    return _django()
