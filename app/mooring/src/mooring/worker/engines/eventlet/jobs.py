"""Work that goes on after its response: the drain waits for it, and names what it has to cut.

Counted from the moment on that the worker is ready:

- threads that are not daemons, as Python waits for them at its own end;
- green threads (``eventlet.spawn`` and its like, also those that a GreenPool runs), for which nobody else would wait;
- tasks of executors (concurrent.futures), whose idle threads are told to end once nothing else is left;
- processes of multiprocessing that are not daemons.

What an application has started at import or in the smoke request is part of it, not a job: a loop that polls for ever must
not hold up each drain.
"""

from __future__ import annotations

import sys
import threading
from typing import Any
from weakref import WeakKeyDictionary

import eventlet
from eventlet import greenthread
from eventlet.green import thread as green_thread

from mooring.worker.children import started_processes

LOOK = 0.05
"""Seconds between two looks whether a job has ended."""

OWN = ("mooring.worker", "eventlet.tpool")
"""Modules whose green threads are no application's."""

EXECUTORS = ("concurrent.futures.thread", "concurrent.futures.process")


class Jobs:
    """Knows the jobs that run."""

    def __init__(self) -> None:
        self._threads: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._counts = False
        self._before: set[int | None] = set()
        self._ends_executors = False
        self._notice()

    def count(self) -> None:
        """Count what is started from now on."""
        self._counts = True
        self._before = {process.pid for process in started_processes()}

    def names(self) -> list[str]:
        """Name the jobs that run."""
        found = [name for thread, name in self._threads.items() if not thread.dead and name]
        found += [
            f"process {one.name} {one.pid}" for one in started_processes() if one.pid not in self._before
        ]
        return sorted(found + (["tasks of executors"] if self._ends_executors else []))

    def wait(self) -> None:
        """Wait until all have ended. To be called in a green thread."""
        while any(not thread.dead and name for thread, name in self._threads.items()):
            eventlet.sleep(LOOK)
        self._ends_executors = True
        for end in reversed(getattr(threading, "_threading_atexits", [])):
            end()  # no thread is left that could hand in a task
        self._ends_executors = False
        while self.names():
            eventlet.sleep(LOOK)

    @property
    def none(self) -> bool:
        """Whether nothing runs, and no executor has to be told to end."""
        return not (self.names() or any(name in sys.modules for name in EXECUTORS))

    def _add(self, thread: Any, function: Any, args: Any = ()) -> None:
        if self._counts:
            self._threads[thread] = _name(function, args)

    def _notice(self) -> None:
        """Have Eventlet tell of each green thread that it makes."""
        module: Any = greenthread
        spawn_n, make, run = module._spawn_n, module.GreenThread.__init__, module.GreenThread.main

        def own_spawn_n(seconds: float, func: Any, args: Any, kwargs: Any) -> Any:
            timer, thread = spawn_n(seconds, func, args, kwargs)
            self._add(thread, func, args)
            return timer, thread

        def own_make(thread: Any, parent: Any) -> None:
            make(thread, parent)
            self._add(thread, None)  # which function it will run is told when it does

        def own_run(thread: Any, function: Any, args: Any, kwargs: Any) -> None:
            if thread in self._threads:
                self._threads[thread] = _name(function, args)
            run(thread, function, args, kwargs)

        module._spawn_n, module.GreenThread.__init__, module.GreenThread.main = own_spawn_n, own_make, own_run


def _name(function: Any, args: Any) -> str:
    """Name a green thread by what it runs; empty if it is nobody's job."""
    if function is None:
        return "a green thread"
    if function is green_thread.__dict__["__thread_body"]:
        return _name_of_thread(args[0])
    if function.__module__ == "eventlet.greenpool" and args and callable(args[0]):
        function = args[0]
    module = getattr(function, "__module__", None) or ""
    if module.startswith(OWN):
        return ""
    return f"green thread {module}.{getattr(function, '__qualname__', function)}"


def _name_of_thread(bootstrap: Any) -> str:
    thread = getattr(bootstrap, "__self__", None)
    if not isinstance(thread, threading.Thread) or thread.daemon:
        return ""  # a bare _thread is a daemon, too
    target = getattr(thread, "_target", None)
    if type(thread).__module__ in EXECUTORS or getattr(target, "__module__", None) in EXECUTORS:
        return ""  # they wait for tasks; ``wait`` has them finish
    return f"thread {thread.name}"
