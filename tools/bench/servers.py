"""What is measured: each server with its command, its settings and what is to be known of them.

Common to all: two workers (where the server has several at all), a backlog of 1024, access logs off, the API's own
request log off. Everything else is as the server comes, unless its note says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

WORKERS = 2
BACKLOG = 1024
PREFIX = "/api/multicloud"
VIM_TYPES = f"{PREFIX}/v0/vim_types"
FORWARD = f"{PREFIX}/v1/vmware/fake/networks"
"""A region that needs no look-up in A&AI: one request upstream for each request."""

RAW = "bench.raw:application"
DJANGO = "multicloud.django_web.wsgi:application"
PECAN = "multicloud.pecan_web.app:make_app()"
STOCK_PECAN = "bench.stock:make_app()"


@dataclass(frozen=True)
class Server:
    """One way of serving one application.

    ``command``: its first word is looked up in the benchmark's virtualenv, ``{port}`` is filled in. With ``inherits``
    the listening socket is made by the benchmark and handed over as file descriptor 0, to WORKERS processes.
    ``helper`` is in the command lines of processes that serve nothing by themselves. ``entry`` ends in ``()`` for a
    factory.
    """

    name: str
    title: str
    entry: str
    command: tuple[str, ...]
    inherits: bool = False
    helper: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    note: str = ""


def _mooring(name: str, title: str, entry: str) -> Server:
    command = ("python", "-m", "mooring.worker")
    environ = {"MOORING_INSTANCE": "bench", "MOORING_APP": entry}
    if entry != RAW:
        environ["MOORING_SMOKE_PATH"] = VIM_TYPES
    return Server(
        name,
        title,
        entry,
        command,
        inherits=True,
        environ=environ,
        note="all limits, deadlines, balancing and drain on, as deployed",
    )


def _launched(name: str, title: str, kind: str, entry: str, note: str = "") -> Server:
    return Server(name, title, entry, ("python", "-m", "bench.launch", kind, entry), inherits=True, note=note)


def _uwsgi(name: str, title: str, *words: str, note: str, helper: str = "") -> Server:
    sizes = ("--master", "--workers", str(WORKERS), "--listen", str(BACKLOG), "--disable-logging")
    common = (*sizes, "--need-app", "--die-on-term", "--auto-procname", "--module", DJANGO)
    return Server(name, title, DJANGO, ("uwsgi", *words, *common), helper=helper, note=note)


def _gunicorn(kind: str, *words: str, note: str) -> Server:
    common = ("--workers", str(WORKERS), "--backlog", str(BACKLOG), "--bind", "127.0.0.1:{port}")
    command = ("gunicorn", "-k", kind, *common, *words, DJANGO)
    return Server(f"gunicorn-{kind}", f"Django, gunicorn {kind}", DJANGO, command, note=note)


ALL = (
    _mooring("mooring-raw", "raw WSGI, Mooring", RAW),
    _launched("eventlet-raw", "raw WSGI, stock eventlet.wsgi", "eventlet", RAW),
    _launched("bjoern-raw", "raw WSGI, bjoern", "bjoern", RAW, "written in C"),
    _mooring("mooring-pecan", "Pecan, Mooring", PECAN),
    _mooring("mooring-django", "Django, Mooring", DJANGO),
    _launched(
        "stock-pecan",
        "stock Pecan, stock eventlet.wsgi",
        "eventlet",
        STOCK_PECAN,
        "without the memory for signatures that the adapter gives Pecan",
    ),
    _launched("eventlet-pecan", "Pecan, stock eventlet.wsgi", "eventlet", PECAN),
    _launched(
        "eventlet-unpooled",
        "stock: Django, urllib3, eventlet.wsgi",
        "eventlet",
        "bench.stock:make_unpooled()",
        "stock in all: urllib3 for the API's client, a new connection upstream for each forward",
    ),
    _launched(
        "eventlet-pooled",
        "stock with a pool: Django, urllib3, eventlet.wsgi",
        "eventlet",
        "bench.stock:make_pooled()",
        "urllib3 for the API's client, with a pool of the same size",
    ),
    _launched("eventlet-django", "Django, stock eventlet.wsgi", "eventlet", DJANGO),
    _uwsgi(
        "uwsgi-http",
        "Django, uWSGI --http",
        "--http",
        "127.0.0.1:{port}",
        "--http-keepalive",
        note="its HTTP router is one process more; keep-alive is off by default and was turned on",
        helper="uWSGI http",
    ),
    _uwsgi(
        "uwsgi-http11",
        "Django, uWSGI --http11-socket",
        "--http11-socket",
        "127.0.0.1:{port}",
        note="a worker serves one connection at a time, kept ones included",
    ),
    _uwsgi(
        "uwsgi-gevent",
        "Django, uWSGI gevent",
        "--http",
        "127.0.0.1:{port}",
        "--http-keepalive",
        "--gevent",
        "1000",
        "--gevent-monkey-patch",
        note="1000 green threads per worker, behind the HTTP router: with --http11-socket its workers end by an assertion",
        helper="uWSGI http",
    ),
    _gunicorn("sync", note="has no keep-alive: each request is a connection"),
    _gunicorn("gthread", "--threads", "4", note="4 threads per worker (default 1)"),
    _gunicorn("gevent", note="1000 connections per worker, the default"),
    Server(
        "granian",
        "Django, granian",
        DJANGO,
        (
            "granian",
            "--interface",
            "wsgi",
            "--workers",
            str(WORKERS),
            "--backlog",
            str(BACKLOG),
            "--host",
            "127.0.0.1",
            "--port",
            "{port}",
            "--no-ws",
            "--http",
            "1",
            "--log-level",
            "warning",
            DJANGO,
        ),
        note="HTTP in Rust",
    ),
    _launched(
        "waitress",
        "Django, waitress",
        "waitress",
        DJANGO,
        "two processes on one socket, 4 threads each; connection_limit raised from 100 to 2000, poll(2) for select(2)",
    ),
    _launched("bjoern-django", "Django, bjoern", "bjoern", DJANGO, "written in C"),
    Server(
        "runserver",
        "Django, runserver",
        DJANGO,
        ("python", "-m", "bench.runserver", "127.0.0.1:{port}"),
        environ={"DJANGO_SETTINGS_MODULE": "multicloud.django_web.settings"},
        note="a development server: one process, a thread per connection, backlog of 10 that no option changes",
    ),
)

BY_NAME = {server.name: server for server in ALL}
