"""One set of pages for Django and for Pecan: what an application does with its own process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import eventlet

FORK = multiprocessing.get_context("fork")
PIPE = subprocess.PIPE
GREENS = eventlet.GreenPool()
EXECUTOR = ThreadPoolExecutor(2)
VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="none")
VARIABLE.set("as it was imported")
ARGUMENTS = list(sys.argv)
released = eventlet.Event()
done: list[str] = []
children: list[Any] = []

# Pages: each takes the query and returns text


def root(_: str) -> str:
    return "root"


def pid(_: str) -> str:
    return str(os.getpid())


def waits(query: str) -> str:
    """Wait for `release`, then count itself: a second run would show."""
    try:
        released.wait()
    finally:
        with Path(query).open("a") as file:
            file.write(f"{os.getpid()}\n")
    return "at last"


def release(_: str) -> str:
    released.send(None)
    released.reset()
    return "released"


def _work(queue: Any, question: int) -> None:
    eventlet.sleep(0.01)  # the child's own hub turns
    queue.put((os.getpid(), question * 2))


def process_with_queue(_: str) -> str:
    queue = FORK.Queue()
    child = FORK.Process(target=_work, args=(queue, 21))
    child.start()
    answer = queue.get()
    child.join()
    return json.dumps([answer[0] == child.pid, answer[1], child.exitcode])


def process_with_pipe(_: str) -> str:
    ours, theirs = FORK.Pipe()
    child = FORK.Process(target=_answer_on, args=(theirs,))
    child.start()
    ours.send(20)
    answer = ours.recv()
    child.join(30)
    return json.dumps([True, answer, child.exitcode])


def _answer_on(pipe: Any) -> None:
    pipe.send(pipe.recv() + 22)


def pool(_: str) -> str:
    with FORK.Pool(2) as workers:
        return json.dumps([True, sum(workers.map(_half, [40, 44])), 0])


def executor(_: str) -> str:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2, mp_context=FORK) as workers:
        return json.dumps([True, sum(workers.map(_half, [40, 44])), 0])


def _half(number: int) -> int:
    return number // 2


def fork_and_exit(_: str) -> str:
    child = os.fork()
    if not child:
        os._exit(7)
    return json.dumps([True, 42, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) - 7])


def fork_and_sys_exit(_: str) -> str:
    child = os.fork()
    if not child:
        sys.exit(7)
    return json.dumps([True, 42, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) - 7])


def fork_and_raise(_: str) -> str:
    child = os.fork()
    if not child:
        raise ValueError("in the child")
    os.waitpid(child, 0)  # Django makes a page of it, so it is another status there
    return json.dumps([True, 42, 0])


def fork_and_come_back(_: str) -> str:
    child = os.fork()
    if not child:
        return "the child answers too"
    return json.dumps([True, 42, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])])


def fork_in_a_spawned_thread(_: str) -> str:
    """The child comes back out of a green thread of the application's."""
    return json.dumps([True, 42, eventlet.spawn(_fork_once).wait()])


def _fork_once() -> int:
    child = os.fork()
    if not child:
        eventlet.sleep(0.01)
        return 0
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def pty_fork(_: str) -> str:
    child, terminal = pty.fork()
    if not child:
        os.write(1, b"from the terminal")
        os._exit(0)
    said = os.read(terminal, 100)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    return json.dumps([said == b"from the terminal", 42, status])


def long_child(_: str) -> str:
    """Leave a forked child that lives on, and tell its pid."""
    child = FORK.Process(target=_linger, daemon=True)
    child.start()
    children.append(child)
    return str(child.pid)


def _linger() -> None:
    while True:
        released.send(None)  # would wake the parent's green threads, if it could
        released.reset()
        eventlet.sleep(0.01)


def long_command(_: str) -> str:
    child = subprocess.Popen(["sleep", "600"])
    children.append(child)
    return str(child.pid)


def stdin_of_a_command(_: str) -> str:
    return json.dumps(subprocess.run(["cat"], capture_output=True, check=True).stdout.decode())


def descriptors_of_a_command(_: str) -> str:
    """Tell which descriptors a command has that is given all that can be inherited."""
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; print(*[f for f in range(256) if os.path.exists(f'/proc/self/fd/{f}')])",
        ],
        capture_output=True,
        check=True,
        close_fds=False,
    ).stdout
    return said.decode().strip()


def sets_handlers(query: str) -> str:
    for name in query.split(","):
        signal.signal(getattr(signal, name), _note_signal)
    return "set"


def _note_signal(number: int, _: Any) -> None:
    done.append(signal.Signals(number).name)


def what_was_done(_: str) -> str:
    return " ".join(done)


def _finish_when_told(path: str) -> None:
    """A job: go on when `<path>.go` is there, and leave a file."""
    while not Path(f"{path}.go").exists():
        time.sleep(0.02)
    Path(path).touch()


def job_in_a_thread(query: str) -> str:
    threading.Thread(target=_finish_when_told, args=(query,), name="posting").start()
    return "begun"


def job_in_a_green_thread(query: str) -> str:
    eventlet.spawn(_finish_when_told, query)
    return "begun"


def job_later(query: str) -> str:
    eventlet.spawn_after(0.3, _finish_when_told, query)
    return "begun"


def job_in_a_pool(query: str) -> str:
    GREENS.spawn_n(_finish_when_told, query)
    return "begun"


def job_in_an_executor(query: str) -> str:
    EXECUTOR.submit(_finish_when_told, query)
    return "begun"


def job_in_a_process(query: str) -> str:
    FORK.Process(target=_finish_when_told, args=(query,), name="posting").start()
    return "begun"


def idle_helpers(_: str) -> str:
    """Leave what waits for ever, and is no job."""
    threading.Thread(target=released.wait, daemon=True).start()
    EXECUTOR.submit(str).result()
    FORK.Process(target=time.sleep, args=(3600,), daemon=True).start()
    return "begun"


def stubborn_command(_: str) -> str:
    """Leave a program that does not heed SIGTERM."""
    child = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo trapped; while :; do sleep 1; done"], stdout=PIPE
    )
    children.append(child)
    assert child.stdout is not None
    child.stdout.readline()
    return str(child.pid)


def needs_its_command(_: str) -> str:
    """Answer with what a program says that was started before the drain."""
    child = subprocess.Popen(["cat"], stdin=PIPE, stdout=PIPE)
    released.wait()
    return child.communicate(b"from the child")[0].decode()


def context(query: str) -> str:
    """Tell a context variable's value, and leave another one behind."""
    before = VARIABLE.get()
    VARIABLE.set(query)
    return before


def arguments(_: str) -> str:
    return " ".join(ARGUMENTS)


def names(_: str) -> str:
    """Look names up, many at once, and tell what was found, and whether the worker's own thread did it."""
    from mooring.worker.engines.eventlet import resolver

    assert set(GREENS.imap(socket.gethostbyname, ["localhost"] * 50)) == {"127.0.0.1"}
    found = [
        socket.getaddrinfo("127.1", 80, type=socket.SOCK_STREAM),
        socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME),
        socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICSERV)[1],
        socket.gethostbyname("localhost"),
    ]
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()
    elsewhere = resolver.in_thread(threading.get_native_id) != threading.get_native_id()
    return json.dumps([found, elsewhere])


def resolver(_: str) -> str:
    return str(socket.getaddrinfo.__module__)


def fails(_: str) -> str:
    return str(1 // 0)


def holds_a_lock(query: str) -> str:
    with contextlib.closing(sqlite3.connect(query, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        released.wait()
        database.execute("COMMIT")
    return "held"


def wants_the_lock(query: str) -> str:
    """Wait in C for what another green thread of this process holds, which cannot go on meanwhile."""
    with contextlib.closing(sqlite3.connect(query, isolation_level=None, timeout=5)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return str(error)
        return "had it"


async def _async_wait(seconds: float = 0.3) -> str:
    waiting = asyncio.create_task(asyncio.sleep(seconds, "slept"))
    in_thread = await asyncio.to_thread(threading.get_ident)
    assert in_thread
    return await waiting


def runs_a_loop(_: str) -> str:
    return asyncio.run(_async_wait())


def blocks_within_a_loop(_: str) -> str:
    """Wait for something that is not the loop's: the loop stands, and nobody else does."""

    async def block() -> str:
        time.sleep(0.2)
        return await _async_wait(0.01)

    return asyncio.run(block())


def has_no_loop(_: str) -> str:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return "none"
    return "another's loop"


PAGES: dict[str, Callable[[str], str]] = {
    name: page
    for name, page in list(globals().items())
    if isinstance(page, types.FunctionType) and page.__module__ == __name__ and not name.startswith("_")
}


def make_django_async() -> Any:
    """Views of Django's that are asynchronous, and a database that only synchronous ones may use."""
    app = make_django(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True
    )
    from asgiref.sync import async_to_sync, sync_to_async
    from django.conf import settings
    from django.db import connection
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def query() -> str:
        with connection.cursor() as cursor:
            time.sleep(0.05)
            return str(cursor.execute("select 42").fetchone()[0])

    def root(_: HttpRequest) -> HttpResponse:
        return HttpResponse("root")

    async def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse(await _async_wait())

    async def with_sync(_: HttpRequest) -> HttpResponse:
        first = await sync_to_async(query)()
        return HttpResponse(first + await sync_to_async(query, thread_sensitive=False)())

    async def reads(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.body)

    def bridged(_: HttpRequest) -> HttpResponse:
        return HttpResponse(async_to_sync(_async_wait)())

    def database(_: HttpRequest) -> HttpResponse:
        return HttpResponse(query())

    def gathers(_: HttpRequest) -> HttpResponse:
        async def all_of() -> list[str]:
            return await asyncio.gather(*(_async_wait(0.1) for _ in range(5)))

        return HttpResponse(" ".join(asyncio.run(all_of())))

    views = (view, with_sync, reads, bridged, database, gathers)
    settings.ROOT_URLCONF.urlpatterns = [path("", root), *(path(each.__name__, each) for each in views)]
    return app


def make_django(**more: Any) -> Any:
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def view(request: HttpRequest, name: str = "root") -> HttpResponse:
        return HttpResponse(PAGES[name](request.META["QUERY_STRING"]))

    urls = types.ModuleType("urls")
    urls.urlpatterns = [path("", view), path("<name>", view)]  # type: ignore[attr-defined]
    settings.configure(**{"ALLOWED_HOSTS": ["*"], "ROOT_URLCONF": urls, "SECRET_KEY": "none", **more})
    django.setup()
    return WSGIHandler()


def make_django_that_logs() -> Any:
    console = {"class": "logging.StreamHandler"}
    return make_django(
        LOGGING={"version": 1, "handlers": {"c": console}, "loggers": {"django": {"handlers": ["c"]}}}
    )


def make_django_for_one_host() -> Any:
    return make_django(
        ALLOWED_HOSTS=["api.example"], MIDDLEWARE=["django.middleware.common.CommonMiddleware"]
    )


def make_django_for_tls() -> Any:
    return make_django(MIDDLEWARE=["django.middleware.security.SecurityMiddleware"], SECURE_SSL_REDIRECT=True)


def make_pecan_with_hook() -> Any:
    """Have an error hook make a page of each exception."""
    import pecan.hooks
    import webob

    class Page(pecan.hooks.PecanHook):
        def on_error(self, state: Any, error: Exception) -> Any:  # noqa: ARG002 - a hook's signature
            return webob.Response("sorry", status=500)

    return make_pecan(hooks=[Page()])


def make_pecan(**more: Any) -> Any:
    import pecan

    class Root:
        @pecan.expose(content_type="text/plain")
        def _default(self, name: str = "root", *_: str) -> bytes:
            return PAGES[name](pecan.request.query_string).encode()

        @pecan.expose(content_type="text/plain")
        def index(self) -> bytes:
            return b"root"

    return pecan.make_app(Root(), debug=False, **more)


def tells_by_exc_info(environ: Any, start_response: Any) -> list[bytes]:
    """Make a page of the exception and hand it on, as PEP 3333 has it."""
    try:
        fails("")
    except ZeroDivisionError:
        start_response("500 Sorry", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"sorry"]
