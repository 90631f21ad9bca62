"""The API by Pecan as Pecan comes: without the memory for signatures that our adapter gives it."""

from __future__ import annotations

from typing import Any

from multicloud.pecan_web import app, argspec


def _leave_pecan_alone() -> None:
    """Stand in for ``argspec.install``."""


def make_app() -> Any:
    """Return the WSGI application."""
    argspec.install = _leave_pecan_alone
    return app.make_app()
