"""Eventlet in a forked child: a new hub, and nothing that waited on the old one ever runs.

No green thread but the one that forked runs in the child. The others are kept as they are, since to collect one would run its
``finally`` blocks a second time.
"""

from __future__ import annotations

import threading
from typing import Any

from eventlet import event, hubs, queue, semaphore
from greenlet import GreenletExit, getcurrent, greenlet

from mooring.worker import forks

_roots: list[Any] = []
"""Green threads whose descendants are the child's own."""
_kept: list[Any] = []
"""What must not be collected in the child."""


def watch(hub: Any) -> None:
    """Have children get a hub of their own in the place of this one."""
    forks.on_child(lambda: _replace(hub))


def _replace(hub: Any) -> None:
    """Empty the old hub, and have the green thread that forked go on alone with a new one."""
    forker = getcurrent()
    _empty(hub)
    if forker is not hub.greenlet:
        _guard_forker()
        _roots.append(forker)
    hubs.use_hub(type(hub))
    _roots.append(hubs.get_hub().greenlet)
    _wake_own_only()
    _forget_threads()


def _keep(what: Any) -> None:
    """Keep an object in the child for as long as it lives."""
    _kept.append(what)


def _guard_forker() -> None:
    """End the child when the green thread that forked is over, instead of going on in its parent's place."""
    forker = root = getcurrent()
    while root.parent is not None:
        root = root.parent
    if root is forker:
        return  # the main thread's own stack: its end is the process's
    guard = greenlet(_end_after, root)
    guard.switch(forker)
    _keep(forker.parent)
    forker.parent = guard


def _end_after(forker: Any) -> None:
    try:
        forker.switch()
    except GreenletExit:
        forks.end()
    except BaseException as error:  # noqa: BLE001 - whatever it was, this process is over
        forks.fail(error)
    forks.end()


def _empty(hub: Any) -> None:
    """Take everything off the hub, in place: it may be in the middle of a turn. Its epoll is shared: it is closed here."""
    _keep((hub, list(hub.timers), list(hub.next_timers), list(hub.closed)))
    for listeners in (hub.listeners, hub.secondaries):
        for bucket in listeners.values():
            for found in bucket.values():
                for listener in found if isinstance(found, list) else [found]:
                    _keep((listener.cb, listener.tb))
                    listener.cb = listener.tb = _nothing
            _keep(dict(bucket))
            bucket.clear()
    for waiting in (hub.timers, hub.next_timers, hub.closed):
        waiting.clear()
    hub.poll.close()
    hub.wait = lambda *_: forks.end()  # the child was forked by a timer of the hub, and that is over


def _nothing(*_: Any) -> None:
    """Stand for a callback that is the parent's."""


def _is_own(thread: Any) -> bool:
    while thread is not None:
        if thread in _roots:
            return True
        thread = thread.parent
    return False


def _wake_own_only() -> None:
    """Have locks, events and queues wake this child's green threads alone: the others' requests are the parent's."""
    acquire, do_acquire = semaphore.Semaphore.acquire, semaphore.Semaphore._do_acquire
    do_send, switch, throw = event.Event._do_send, queue.Waiter.switch, queue.Waiter.throw

    def forget(lock: Any) -> None:
        for waiter in [one for one in lock._waiters if not _is_own(one)]:
            _keep(waiter)
            lock._waiters.remove(waiter)

    def own_acquire(lock: Any, *args: Any, **kwargs: Any) -> Any:
        forget(lock)
        return acquire(lock, *args, **kwargs)

    def own_do_acquire(lock: Any) -> None:
        forget(lock)
        do_acquire(lock)

    def own_send(one: Any, result: Any, exc: Any, waiter: Any) -> None:
        if _is_own(waiter):
            do_send(one, result, exc, waiter)

    def own_switch(waiter: Any, value: Any = None) -> None:
        if waiter.greenlet is None or _is_own(waiter.greenlet):
            switch(waiter, value)

    def own_throw(waiter: Any, *thrown: Any) -> None:
        if waiter.greenlet is None or _is_own(waiter.greenlet):
            throw(waiter, *thrown)

    semaphore.Semaphore.acquire, semaphore.Semaphore._do_acquire = own_acquire, own_do_acquire
    event.Event._do_send, queue.Waiter.switch, queue.Waiter.throw = own_send, own_switch, own_throw


def _forget_threads() -> None:
    """Have ``threading`` take all threads but this one for ended, as it does itself where they are real.

    Eventlet switches that off. At its end a child of multiprocessing would then wait for the parent's threads.
    """
    module: Any = threading
    current = module.current_thread()
    for thread in module.enumerate():
        if thread is current or thread is module.main_thread():
            continue
        if hasattr(thread, "_reset_internal_locks"):  # until Python 3.12
            thread._reset_internal_locks(False)
            thread._stop()
        else:
            thread._os_thread_handle._greenthread = None
            thread._os_thread_handle._set_done()
    getattr(module, "_shutdown_locks", set()).clear()
