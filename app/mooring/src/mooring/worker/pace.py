"""How long one transfer may take: its patience is earned back by progress."""

from __future__ import annotations


class Pace:
    """The patience for one transfer: a total of waiting that progress earns back.

    ``limit`` seconds of waiting at first, and never more; each byte that comes through gives 1/``rate`` second
    back. So a transfer at ``rate`` or faster never ends it, and a byte now and then does not prolong it.
    """

    __slots__ = ("_limit", "_rate", "left")

    def __init__(self, limit: float, rate: int) -> None:
        self._limit = limit
        self._rate = rate
        self.left = limit

    def account(self, waited: float, progress: int) -> None:
        """Take off the seconds waited, give back for the bytes of progress."""
        self.left = min(self._limit, self.left - waited + progress / self._rate)
