"""What can be wrong with a request, and with what an application gives for a response."""

from __future__ import annotations


class RequestError(Exception):
    """A request that the application does not get to see: the status that it is answered with, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class HeadersError(ValueError):
    """What the application gave to start_response cannot be sent."""
