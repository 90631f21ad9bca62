"""What this package needs of the settings: a process's own settings have these attributes, and others."""

from __future__ import annotations

from typing import Protocol


class Limits(Protocol):
    """The limits of a request, in bytes and fields (`MOORING_MAX_…`)."""

    @property
    def max_request_line(self) -> int:
        """Longest request line, in bytes."""

    @property
    def max_header_block(self) -> int:
        """Largest head, in bytes."""

    @property
    def max_header_fields(self) -> int:
        """Most header fields."""

    @property
    def max_body(self) -> int:
        """Largest body, in bytes; 0: no limit."""


class Addresses(Protocol):
    """A set of textual addresses; the empty one is a unix socket's peer."""

    def __contains__(self, address: str) -> bool:
        """Tell whether the address is one of them."""


class Trust(Protocol):
    """Who is believed about clients."""

    @property
    def trusted_proxies(self) -> Addresses:
        """Addresses of the proxies whose forwarding fields are believed."""

    @property
    def forwarded_field(self) -> str:
        """The fields that they write: ``x-forwarded`` or ``forwarded``."""
