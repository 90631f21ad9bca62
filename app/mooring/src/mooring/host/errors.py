"""How a call says no. Python 3.8's standard library alone."""

from __future__ import annotations

DONE, REFUSED, USAGE, NOTHING_THERE, LOCKED = 0, 1, 2, 3, 4
INTERRUPTED, TERMINATED = 130, 143
STATUSES = {
    DONE: "done",
    REFUSED: "refused or failed: the reason is on standard error, with what serves and the way out",
    USAGE: "wrong usage: nothing was done",
    NOTHING_THERE: "nothing of that name is here: no instance, no release, no installation",
    LOCKED: "somebody else changes this instance: nothing was done",
    INTERRUPTED: "interrupted (Ctrl-C): run the same command again, it goes on where this one ended",
    TERMINATED: "ended by SIGTERM, as a shell tells it: the same",
}
"""The exit statuses of a call, and of `mooringctl`."""


class HostError(Exception):
    """A call is refused or has failed; the text is for the user, with the way out."""

    status = REFUSED


class CallError(HostError):
    """There is no such call, or it was given what it does not take."""

    status = USAGE


class NothingThereError(HostError):
    """There is nothing of that name on this host."""

    status = NOTHING_THERE


class LockedError(HostError):
    """Somebody else changes the instance; `holder` is his record, as `mooring.host.lock` has written it."""

    status = LOCKED

    def __init__(self, text: str, holder: dict[str, object] | None = None) -> None:
        super().__init__(text)
        self.holder = holder or {}


class StoppedError(HostError):
    """The call was interrupted."""

    status = INTERRUPTED

    def __init__(self) -> None:
        super().__init__("interrupted: run the same command again")
