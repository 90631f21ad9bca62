"""Ansible's stdout callback of this project: phases with their progress, then one summary at the very end.

This is the adapter between Ansible's events and `tools/mooring_output`, which decides what is said. With `-v` it is
Ansible's own default output, and the end of a roll in words. Whatever Ansible prints, and wherever, is plain: what hosts say has
no control characters on the operator's terminal (`Plain`).
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from ansible import constants as C  # noqa: N812 - its usual name
from ansible import context
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.utils.display import Display
from ansible_collections.mooring.mooring.plugins.plugin_utils import sources  # noqa: F401 - puts tools/ and app/ on the path

from mooring import texts
from mooring_output import phases, report, roll, text
from mooring_output.screen import Screen

DOCUMENTATION = r"""
name: summary
type: stdout
short_description: Phases with their progress, then one summary
description:
  - Prints a line for each phase of a playbook and one summary at its end.
  - With C(-v) it prints what the callback C(default) prints.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""
SPOKEN = ("ansible.builtin.fail", "ansible.builtin.assert", "fail", "assert")
SAYS = ("ansible.builtin.debug", "debug")
PROGRESS = "progress"
"""The tag of a debug task whose message is printed at once and not in the summary."""


RETRY = 0.05
"""Seconds after which Ctrl-C is tried again when it could not end the run safely."""


class Interruptible(Default):
    """What ends a run by Ctrl-C for certain, and in its own words.

    Ansible's handler raises KeyboardInterrupt wherever its main process is. Python drops that when the signal has come while a
    process was forked for a task: what the hooks of os.register_at_fork raise is only written to stderr. And in the moment
    between one task's process, which is closed, and the next one, Ansible's own end fails on the closed one: "Unexpected
    Exception, this is probably a bug: process object is closed", with a traceback and status 250.
    """

    def __init__(self) -> None:
        super().__init__()
        self._interrupted = False

    def _heed_interrupts(self) -> None:
        """Know of Ctrl-C from now on, beside Ansible."""
        ansibles = signal.getsignal(signal.SIGINT)

        def on_interrupt(number: int, frame: FrameType | None) -> None:
            self._interrupted = True
            if _is_queueing(frame):
                threading.Timer(RETRY, os.kill, (os.getpid(), number)).start()
            elif callable(ansibles):
                ansibles(number, frame)

        signal.signal(signal.SIGINT, on_interrupt)

    def _end_if_interrupted(self) -> None:
        if self._interrupted:
            raise KeyboardInterrupt


def _is_queueing(frame: FrameType | None) -> bool:
    """Tell whether Ansible is about to replace a task's process by the next one (StrategyBase._queue_task)."""
    while frame:
        if frame.f_code.co_name == "_queue_task":
            return True
        frame = frame.f_back
    return False


class Coloured(str):
    """A text that is plain but for Ansible's own colours."""

    __slots__ = ()


class Plain(Interruptible):
    """Has each text that Ansible prints plain: results, warnings, diffs, and with `-vvv` what a connection has received."""

    def __init__(self) -> None:
        super().__init__()
        self._display_any = self._display.display
        self._display.display = self._display_plain  # one object, by which all of Ansible prints

    def _display_plain(self, msg: str, *arguments: Any, **options: Any) -> None:
        """Print a text; Ansible gives it its colour behind this."""
        self._display_any(msg if isinstance(msg, Coloured) else text.plain(msg), *arguments, **options)

    def _get_diff(self, difflist: Any) -> str:
        """Return a diff with the colours of its lines, and none of its own."""
        return Coloured(super()._get_diff(_plain(difflist)))

    def _get_item_label(self, result: Any) -> Any:
        """Return what names an item, in one line."""
        label = super()._get_item_label(result)
        return texts.plain(label) if isinstance(label, str) else label

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the recap, which has colours within its lines, and nothing that a host has said."""
        self._display.display = self._display_any
        try:
            super().v2_playbook_on_stats(stats)
        finally:
            self._display.display = self._display_plain


class Loud(Plain):
    """Ansible's own output, and what is to be said of a roll that has ended early."""

    CALLBACK_NAME = "mooring.mooring.summary"

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Be told of Ctrl-C."""
        super().v2_playbook_on_start(playbook)
        self._heed_interrupts()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Begin no task after Ctrl-C."""
        self._end_if_interrupted()
        super().v2_playbook_on_task_start(task, is_conditional)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Add the words to the recap."""
        super().v2_playbook_on_stats(stats)
        for line in roll.words(stats.custom, {**stats.failures, **stats.dark}):
            self._display.display(line)


class Quiet(Plain):
    """Phases and a summary."""

    CALLBACK_NAME = "mooring.mooring.summary"

    def __init__(self) -> None:
        terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._screen = Screen(self._show, sys.__stdout__.fileno(), terminal)
        super().__init__()
        self._report = report.Report()
        self._hosts: list[str] = []
        self._several = False
        self._began = time.monotonic()
        self._under_way = self._reached = ""
        self._ended = False
        self._seen: set[tuple[str, str]] = set()

    def _display_plain(self, msg: str, *arguments: Any, **options: Any) -> None:
        """Print a text, also one that an action tells meanwhile, where the phase's line stands: that comes again by itself."""
        self._screen.erase()
        super()._display_plain(msg, *arguments, **options)

    # --- the run -------------------------------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Know what runs, and be told of Ctrl-C."""
        self._heed_interrupts()
        self._report.playbook = Path(playbook._file_name).name
        self._report.check = bool(context.CLIARGS.get("check"))
        if self._report.check:
            self._show("Check mode: nothing is changed.")
        atexit.register(self._left)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Begin a play, or its next batch."""
        self._play = play
        found = play.get_variable_manager().get_vars(play=play)
        self._hosts = list(found.get("ansible_play_batch", []))
        self._under_way = ""
        self._several = self._several or len(found.get("ansible_play_hosts_all", [])) > 1

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002 - Ansible's
        """Begin a task, and with it perhaps a phase; none after Ctrl-C."""
        self._end_if_interrupted()
        path, _, _ = (task.get_path() or "").rpartition(":")
        role = task._role.get_name().rpartition(".")[2] if task._role else ""
        found = phases.phase(role, Path(path).stem)
        if phases.follows(found, self._under_way):
            self._under_way = found
            if phases.follows(found, self._reached):
                self._reached = found
            self._screen.begin(found, self._hosts, self._several)
        self._screen.task(task.name or task.get_name())

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """Begin a handler."""
        self._screen.task(task.name or task.get_name())

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Say nothing of files that are included."""

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Say nothing: a play for load balancers finds none on most sites."""

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        """Say nothing: the summary does."""

    def v2_playbook_on_notify(self, handler: Any, host: Any) -> None:
        """Say nothing of handlers that are notified."""

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the summary."""
        self._ended = True
        self._screen.close()
        counts = {
            host: report.Counts(
                **dict(
                    zip(
                        ("changed", "failed", "unreachable", "rescued"),
                        self._counted(stats, host),
                        strict=True,
                    )
                )
            )
            for host in sorted(stats.processed)
        }
        bad = any(each.failed or each.unreachable for each in counts.values())
        for line in self._report.end(counts, stats.custom, time.monotonic() - self._began):
            self._show(
                line, C.COLOR_ERROR if bad and line.startswith(("FAILED", "UNREACHABLE", "Failed ")) else None
            )

    @staticmethod
    def _counted(stats: Any, host: str) -> list[int]:
        found = stats.summarize(host)
        return [found[name] for name in ("changed", "failures", "unreachable", "rescued")]

    # --- results -------------------------------------------------------------------------------------------

    def v2_runner_on_ok(self, result: Any) -> None:
        """Keep what the summary needs."""
        self._warn(result)
        host, told = result.host.get_name(), result.result
        debugs = result.task.action in SAYS
        if debugs and "msg" in told and not (self._report.check and told.get("changed")):
            if PROGRESS in result.task.tags:
                self._line(text.plain(told["msg"]))
            else:
                self._report.say(host, str(told["msg"]))
        elif told.get("changed") and self._report.check:
            self._report.change(
                host, str(told["msg"]) if debugs else result.task.name or result.task.get_name()
            )

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Keep the failure for the summary."""
        why = tuple(text.reason(result.result, _cause(result)))
        self._warn(result)
        if ignore_errors:
            return
        spoken = result.task.action in SPOKEN
        self._report.fail(
            report.Failure(
                host=result.host.get_name(),
                task=result.task.name or result.task.get_name(),
                why=why,
                place="" if spoken else self._place(result.task),
                spoken=spoken,
            )
        )

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Keep the lost host for the summary."""
        self._warn(result)
        if not result.task.ignore_unreachable:
            self._report.fail(
                report.Failure(
                    host=result.host.get_name(),
                    task=result.task.name or result.task.get_name(),
                    why=tuple(text.reason(result.result)),
                    unreachable=True,
                )
            )

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Say nothing of a host that begins a task."""

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Say no more than its warnings."""
        self._warn(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Say no more than its warnings."""
        self._warn(result)

    v2_runner_item_on_failed = v2_runner_item_on_skipped = v2_runner_item_on_ok

    def v2_runner_retry(self, result: Any) -> None:
        """Say nothing: the phase's seconds go on."""

    v2_runner_on_async_poll = v2_runner_on_async_ok = v2_runner_on_async_failed = v2_runner_retry

    def v2_on_file_diff(self, result: Any) -> None:
        """Show a diff at once; the same of several hosts once."""
        told = result.result
        for each in told["results"] if result.task.loop and "results" in told else [told]:
            if not (each.get("diff") and each.get("changed")):
                continue
            shown = Coloured(self._get_diff(each["diff"]).rstrip())
            if not shown:
                continue
            host = result.host.get_name()
            again = (result.task._uuid, shown) in self._seen
            self._seen.add((result.task._uuid, shown))
            if self._several:
                self._line(f"{host}: the same." if again else f"{host}:")
            if not again:
                self._line(shown)

    # --- what is printed -----------------------------------------------------------------------------------

    def _show(self, line: str, color: str | None = None) -> None:
        self._display.display(line, color=color)
        sys.stdout.flush()

    def _line(self, line: str) -> None:
        self._screen.line(line)

    def _warn(self, result: Any) -> None:
        if result.result.get("warnings") or result.result.get("deprecations"):
            self._screen.erase()
        self._handle_warnings(result.result)

    def _place(self, task: Any) -> str:
        path = task.get_path() or ""
        return os.path.relpath(os.path.realpath(path)) if path else ""  # not by way of collections/

    def _left(self) -> None:
        """Say what an interrupted run has left behind: it ends without its statistics."""
        if self._ended:
            return
        hosts = self._screen.hosts
        self._screen.close()
        if self._interrupted:
            for line in report.interrupted(self._under_way, hosts, self._reached, self._report.playbook):
                self._show(line)


def _cause(result: Any) -> str:
    """Return the message of the innermost cause that Ansible names."""
    event = result.exception.event if result.exception else None
    while event is not None and event.chain is not None:
        event = event.chain.event
    return event.msg if event is not None else ""


def _plain(diff: Any) -> Any:
    """Return a diff whose texts are fit for a terminal."""
    if isinstance(diff, list):
        return [_plain(each) for each in diff]
    if isinstance(diff, dict):
        return {key: _plain(value) for key, value in diff.items()}
    return text.plain(diff) if isinstance(diff, str) else diff


class CallbackModule(Loud if Display().verbosity else Quiet):  # type: ignore[misc] # known when the plugin is loaded
    """The one that Ansible looks for, by this name."""
