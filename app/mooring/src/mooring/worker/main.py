"""The life of a worker: read the settings, load, prove, serve, drain.

Exit status: 0 drained (also after recycling); 1 the application cannot be served, or a drain was cut short;
2 the configuration is wrong.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from typing import Any

from mooring import process, settings, texts
from mooring.worker import application, children, engines, failures, forks, log, signals, tls
from mooring.worker.listener import listener_problem, take_listener
from mooring.worker.server import Server
from mooring.worker.smoke import prove, survive
from mooring.worker.state import READY, Counters, State

EX_APPLICATION = 1
ENGINE = "eventlet"


def main() -> int:
    """Run a worker to its end and return its exit status."""
    config = settings.load_or_exit(os.environ, "mooring worker")
    name = (config.instance, config.colour, str(config.number), f"({config.framework})")
    process.set_title(*name)
    process.die_with_parent(signal.SIGTERM)
    if config.children == "end":
        children.end_orphans(config, process.title_of(*name))
    if problem := listener_problem():
        texts.write_line(sys.stderr, f"mooring worker: {problem}")
        return settings.EX_USAGE
    listener = take_listener()
    engine = engines.load(ENGINE)
    engine.install()
    errors = log.install(engine.call_later)
    signals.show_stacks(engine.waiting_frames)
    signals.tolerate()
    _raise_descriptor_limit(config.max_connections)
    for sentence in settings.unknown(os.environ):
        log.words(sentence)

    state = State(config)
    try:
        loaded = _load(config.app)
    except application.ApplicationError as error:
        return _refuse(f"MOORING_APP: {error}", error.__cause__)
    try:
        server = engine.server(listener, loaded, state, tls.context(config, engine.ssl))
    except settings.WrongSettingsError as error:
        log.words(str(error))
        return settings.EX_USAGE
    status_server = engine.status_server(
        config.worker_socket,
        {
            "ready": state.ready,
            "stats": lambda: state.stats(errors.dropped),
            "drain": lambda: _drain(server),
        },
    )
    try:
        status_server.start()
    except OSError as error:
        log.words(f"MOORING_RUN_DIR: cannot listen on {config.worker_socket}: {error.strerror}")
        return settings.EX_USAGE
    try:
        failures.watch()
        prove(engine, server, config)
        failures.watch()  # what the first request has imported
        survive(engine, config)
        state.counters = Counters()  # what is counted is what clients asked for
        signals.on_signals(server.drain, engine.on_readable)
        forks.on_child(lambda: process.set_title(*name, "child"))
        server.count_jobs()
        if not server.draining:
            state.phase = READY
        return server.serve()
    except application.ApplicationError as error:
        return _refuse(str(error), error.__cause__)
    finally:
        status_server.stop()
        children.end_children(config)


def _load(entry: str) -> application.WsgiApplication:
    """Load the application; a child that it forks meanwhile, and that comes back here, ends."""
    try:
        return application.load(entry)
    except BaseException as error:
        if forks.in_child:
            forks.fail(error)
        raise
    finally:
        if forks.in_child:
            forks.end()


def _raise_descriptor_limit(connections: int) -> None:
    """Raise the soft limit of open files, as far as the hard one allows, to what a full worker may need.

    A request may hold a second descriptor (its upstream connection) and a third (a file).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * connections + 200
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < connections + settings.RESERVE:
        log.words(
            f"MOORING_MAX_CONNECTIONS is {connections}, but only {hard} files may be open (ulimit -Hn):"
            " raise the hard limit that supervisord was started with, or lower the setting"
        )


def _drain(server: Server) -> dict[str, Any]:
    server.drain("asked")
    return server.state.ready()


def _refuse(reason: str, cause: BaseException | None) -> int:
    """Say why the application is not served, last, so that the end of the log shows it."""
    if cause is not None:
        traceback.print_exception(cause)
    log.words(reason)
    return EX_APPLICATION
