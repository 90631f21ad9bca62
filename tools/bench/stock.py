"""The API with parts as they come from their authors, where ours are faster: what that is worth is measured by them.

Pecan without the memory for signatures that our adapter gives it; Django with urllib3 for its client, with a pool of
connections or, as most programs use such a client, without.
"""

from __future__ import annotations

import importlib
from typing import Any

import urllib3

from multicloud import client
from multicloud.client import PoolLimits, Request, Timeout
from multicloud.core import msb
from multicloud.pecan_web import app, argspec


def _leave_pecan_alone() -> None:
    """Stand in for ``argspec.install``."""


def make_app() -> Any:
    """Return the API by Pecan as Pecan comes, a WSGI application."""
    argspec.install = _leave_pecan_alone
    return app.make_app()


class _Whole:
    """A response that was read as a whole: what a forward uses of ``multicloud.client.Response``."""

    def __init__(self, response: Any) -> None:
        self._body = response.data
        self.status = response.status
        self.headers = list(response.headers.items())
        self.length = len(self._body)

    def preload(self) -> bytes:
        """Return the body."""
        body: bytes = self._body
        return body


class _Unpooled(client.PoolManager):
    """urllib3 in the place of the API's client, with a connection for each request."""

    pool: Any = None

    def urlopen(self, request: Request, deadline: float) -> Any:  # noqa: ARG002 - the API's client's
        """Send a request and return its response."""
        pool = self.pool or urllib3.PoolManager()
        try:
            return _Whole(
                pool.request(
                    request.method,
                    request.url,
                    body=request.body,
                    headers=request.headers,
                    retries=False,
                    redirect=False,
                    decode_content=False,
                )
            )
        finally:
            if self.pool is None:
                pool.clear()


class _Pooled(_Unpooled):
    """The same with a pool of connections."""

    def __init__(self, timeout: Timeout, limits: PoolLimits, **tls: Any) -> None:
        super().__init__(timeout, limits, **tls)
        self.pool = urllib3.PoolManager(maxsize=limits.maxsize)


def _django() -> Any:
    return importlib.import_module("multicloud.django_web.wsgi").application


def make_pooled() -> Any:
    """Return the API by Django whose client is urllib3 with a pool."""
    vars(msb)["PoolManager"] = _Pooled
    return _django()


def make_unpooled() -> Any:
    """Return the API by Django whose client is urllib3 with a connection for each request."""
    vars(msb)["PoolManager"] = _Unpooled
    return _django()
