"""Why the application failed, where a framework keeps the exception to itself.

A framework may answer 500 by itself: Django always does, Pecan with an ``on_error`` hook that returns a response. The
exception is then in no log, unless the application configures one. So the frameworks that the application has imported
are asked for it: Django by its signal ``got_request_exception``, Pecan where it runs its error hooks. Any other tells by
``start_response(…, exc_info)`` (PEP 3333), or lets the exception through.

Nothing is imported here: a framework that the application does not use is none of ours.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any

from mooring.worker import log

MARK = "_logged_by_mooring"
"""Attribute of an exception that the log has: it is logged once, whoever meets it again."""

_hooked: set[str] = set()
_last = ""


def watch() -> None:
    """Ask the frameworks that are imported by now for their unhandled exceptions; call it again after more imports."""
    for module, hook in _HOOKS.items():
        if module in sys.modules and module not in _hooked:
            _hooked.add(module)
            hook(sys.modules[module])


def note(error: BaseException | None, where: str, **fields: Any) -> None:
    """Write the exception and its traceback to the log, unless that is done already."""
    global _last  # noqa: PLW0603 - text alone: the exception itself would keep the request's frames
    if isinstance(error, BaseException) and not getattr(error, MARK, False):
        setattr(error, MARK, True)
        _last = in_words(error)
        log.failure(where, error, **fields)


def take_last() -> str:
    """Return the exception that was noted last since this was asked, in words; empty without one."""
    global _last
    last, _last = _last, ""
    return last


def in_words(error: BaseException) -> str:
    """Return the exception's type and text, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def _watch_django(signals: Any) -> None:
    def on_exception(request: Any = None, **_: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not _is_logged_by_django(error):
            meta = getattr(request, "META", {})
            note(error, "django", method=meta.get("REQUEST_METHOD"), target=meta.get("REQUEST_URI"))

    signals.got_request_exception.connect(on_exception, weak=False, dispatch_uid="mooring")


def _is_logged_by_django(error: BaseException) -> bool:
    """Tell whether Django's logging, as the application has configured it, writes this exception where people read.

    Django itself logs to ``django.request``, by default for nobody (mail to ADMINS) in production.
    """
    logger = logging.getLogger("django.request")
    record = logger.makeRecord(logger.name, logging.ERROR, "", 0, "", (), (type(error), error, None))
    if logger.disabled or not logger.isEnabledFor(logging.ERROR) or not logger.filter(record):
        return False
    found: logging.Logger | None = logger
    if not logger.hasHandlers():
        return logging.lastResort is not None
    while found is not None:
        for handler in found.handlers:
            ours = isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stderr, sys.stdout)
            if ours and handler.level <= logging.ERROR and handler.filter(record):
                return True
        found = found.parent if found.propagate else None
    return False


def _watch_pecan(core: Any) -> None:
    handle_hooks: Callable[..., Any] = core.PecanBase.handle_hooks

    def handle(app: Any, hooks: Any, hook_type: str, *args: Any) -> Any:
        answer = handle_hooks(app, hooks, hook_type, *args)
        if (
            hook_type == "on_error" and answer is not None
        ):  # else Pecan raises it, or it is an answer of its own
            state, error = args
            if getattr(error, "code", 500) >= 500:
                request = state.request
                note(error, "pecan", method=request.method, target=request.path_qs)
        return answer

    core.PecanBase.handle_hooks = handle


_HOOKS: dict[str, Callable[[Any], None]] = {
    "django.core.signals": _watch_django,
    "pecan.core": _watch_pecan,
}


class Listening(logging.Handler):
    """Keeps the last of what the application's loggers say, from warnings on, while it is entered."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's message, and the exception in it."""
        error = record.exc_info[1] if record.exc_info else None
        self.last = record.getMessage() + (f": {in_words(error)}" if error else "")

    def __enter__(self) -> Listening:
        """Listen to the root logger, and to Django's, which may not pass on to it."""
        self._loggers = [logging.getLogger()]
        if not logging.getLogger("django").propagate:
            self._loggers.append(logging.getLogger("django"))
        for logger in self._loggers:
            logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        for logger in self._loggers:
            logger.removeHandler(self)
