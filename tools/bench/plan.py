"""Which servers meet which loads, how often and for how long: the full run (15 minutes) and the quick one (two)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.loads import Load
from bench.servers import FORWARD, VIM_TYPES

CLOSE_100 = Load("close-100", "no keep-alive, 100 clients (ab)", "ab", 100, seconds=2)
WRK_CLOSE_100 = Load("wrk-close-100", "no keep-alive, 100 clients (wrk)", "wrk", 100, seconds=2, closes=True)
KEPT_1 = Load("kept-1", "keep-alive, 1 client", "wrk", 1, seconds=1)
KEPT_100 = Load("kept-100", "keep-alive, 100 clients", "wrk", 100, seconds=2)
KEPT_1000 = Load("kept-1000", "keep-alive, 1000 clients", "wrk", 1000, seconds=2)
VARIED_100 = Load(
    "varied-100",
    "keep-alive, 100 clients, heads that differ",
    "wrk",
    100,
    seconds=1,
    script="wrk_varied.lua",
)
FORWARD_100 = Load("forward-100", "forwarding, 100 clients", "wrk", 100, seconds=2)
FORWARD_1000 = Load("forward-1000", "forwarding, 1000 clients", "wrk", 1000, seconds=4)
AB_1 = Load("ab-1", "ab, 100 requests, 1 client", "ab", 1, requests=100)
AB_100 = Load("ab-100", "ab, 10,000 requests, 100 clients", "ab", 100, requests=10_000)
AB_1000 = Load("ab-1000", "ab, 100,000 requests, 1000 clients", "ab", 1000, requests=100_000)

PAIRED = ("mooring-pecan", "stock-pecan", "eventlet-pecan", "mooring-django", "uwsgi-http", "gunicorn-gevent")
PECANS = ("mooring-pecan", "stock-pecan", "eventlet-pecan")
FIELD = (
    "mooring-django",
    "uwsgi-http11",
    "uwsgi-gevent",
    "gunicorn-sync",
    "gunicorn-gthread",
    "granian",
    "waitress",
    "bjoern-django",
    "eventlet-django",
    "runserver",
)

FORWARDING = ("mooring-django", "eventlet-django", "eventlet-pooled", "eventlet-unpooled")


@dataclass(frozen=True)
class Step:
    """Every load on every server in turn, ``rounds`` times over, so that a slow moment of the machine hits all alike."""

    scenario: str
    path: str
    servers: tuple[str, ...]
    loads: tuple[Load, ...]
    rounds: int
    forwards: bool = False


FULL = (
    Step("raw", "/", ("mooring-raw", "eventlet-raw", "bjoern-raw"), (WRK_CLOSE_100, KEPT_100, VARIED_100), 5),
    Step("vim_types", VIM_TYPES, PAIRED, (CLOSE_100, KEPT_100), 5),
    Step("vim_types", VIM_TYPES, PECANS, (WRK_CLOSE_100,), 5),
    Step("forward", FORWARD, FORWARDING, (FORWARD_100, FORWARD_1000), 5, True),
    Step("vim_types", VIM_TYPES, PAIRED, (KEPT_1, KEPT_1000), 5),
    Step("field", VIM_TYPES, FIELD, tuple(replace(load, seconds=1) for load in (CLOSE_100, KEPT_100)), 5),
    Step("field", VIM_TYPES, FIELD, (KEPT_1, KEPT_1000), 2),
    Step("ab", VIM_TYPES, ("mooring-pecan", "mooring-django", "uwsgi-http"), (AB_1, AB_100), 3),
    Step("ab", VIM_TYPES, ("stock-pecan",), (AB_1, AB_100), 1),
    Step("ab", VIM_TYPES, ("mooring-pecan", "mooring-django", "uwsgi-http"), (AB_1000,), 1),
)

_KEPT = replace(KEPT_100, seconds=1)

QUICK = (
    Step(
        "raw",
        "/",
        ("mooring-raw", "eventlet-raw", "bjoern-raw"),
        (replace(WRK_CLOSE_100, seconds=1), _KEPT),
        3,
    ),
    Step("vim_types", VIM_TYPES, PAIRED, (replace(CLOSE_100, seconds=1), _KEPT), 3),
    Step("vim_types", VIM_TYPES, PECANS[:2], (replace(WRK_CLOSE_100, seconds=1),), 3),
    Step("forward", FORWARD, ("mooring-django", "eventlet-unpooled"), (FORWARD_1000,), 2, True),
    Step("ab", VIM_TYPES, ("mooring-pecan", "mooring-django", "uwsgi-http"), (AB_1, AB_100), 1),
)
