"""How a proof ends when it does not end well; the exit status of each."""

from __future__ import annotations

from typing import ClassVar

DONE = 0
DISPROVED = 1
"""Requests have failed, or were lost or doubled."""
USAGE = 2
REFUSED = 3
FAILED = 4
INTERRUPTED = 130


class ProofError(Exception):
    """The message says what failed, why, and the way out; `status` is the program's."""

    status: ClassVar[int] = FAILED


class SettingsError(ProofError):
    """The settings are wrong; the message has a line for each."""

    status = USAGE


class RefusalError(ProofError):
    """The proof cannot begin; nothing was changed."""

    status = REFUSED


class OperationError(ProofError):
    """An operation did not do what it must do; the message has the last lines of its output."""
