"""How long the client waits, and how many connections it keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeout:
    """Time limits of an exchange, in seconds."""

    connect: float
    """Wait for a connection, TLS included."""
    read: float
    """Wait for the next byte of the response, or for the server to take one of the request."""
    total: float
    """Wait for the whole exchange, redirects and bodies included."""


@dataclass(frozen=True)
class PoolLimits:
    """What is kept for the next request."""

    maxsize: int
    """Idle connections to one origin."""
    idle: float
    """Seconds that a connection may idle before it is closed. 0: none is kept."""
