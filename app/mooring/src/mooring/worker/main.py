"""The life of a worker: read the settings, load, prove, serve, drain.

Exit status: 0 drained (also after recycling); 1 the application cannot be served, or a drain was cut short;
2 the configuration is wrong.
"""

from __future__ import annotations

import os
import resource
import signal
import stat
import sys
import traceback
from typing import Any

from mooring import family, process, settings, texts
from mooring.worker import application, engine, failures, forks, jobs, log, signals, tls
from mooring.worker.loop import EventletServer
from mooring.worker.private_server import PrivateServer
from mooring.worker.server import Server
from mooring.worker.smoke import prove, survive
from mooring.worker.state import READY, Counters, State

LISTENER = 0
"""The descriptor that supervisord hands a listening socket to an fcgi-program on (FastCGI spec, 2.2)."""

EX_APPLICATION = 1


def main() -> int:
    """Run a worker to its end and return its exit status."""
    config = settings.load_or_exit(os.environ, "mooring worker")
    name = (config.instance, config.colour, str(config.number), f"({config.framework})")
    process.set_title(*name)
    process.die_with_parent(signal.SIGTERM)
    if config.children == "end":
        _end_orphans(config, process.title_of(*name))
    if problem := _listener_problem():
        texts.write_line(sys.stderr, f"mooring worker: {problem}")
        return settings.EX_USAGE
    listener = _take_listener()
    engine.install()
    errors = log.install()
    signals.show_stacks()
    signals.bear()
    _raise_descriptor_limit(config.max_connections)
    for sentence in settings.unknown(os.environ):
        log.words(sentence)

    state = State(config)
    try:
        loaded = _load(config.app)
    except application.ApplicationError as error:
        return _refuse(f"MOORING_APP: {error}", error.__cause__)
    try:
        server = EventletServer(listener, loaded, state, tls.context(config))
    except settings.WrongSettingsError as error:
        log.words(str(error))
        return settings.EX_USAGE
    private = PrivateServer(
        config.worker_socket,
        {
            "ready": state.ready,
            "stats": lambda: state.stats(errors.dropped),
            "drain": lambda: _drain(server),
        },
    )
    try:
        private.start()
    except OSError as error:
        log.words(f"MOORING_RUN_DIR: cannot listen on {config.worker_socket}: {error.strerror}")
        return settings.EX_USAGE
    try:
        failures.watch()
        prove(server, config)
        failures.watch()  # what the first request has imported
        survive(config)
        state.counters = Counters()  # what is counted is what clients asked for
        signals.on_signals(server.drain)
        forks.on_child(lambda: process.set_title(*name, "child"))
        server.jobs.count()
        if not server.draining:
            state.phase = READY
        return server.serve()
    except application.ApplicationError as error:
        return _refuse(str(error), error.__cause__)
    finally:
        private.stop()
        _end_children(config)


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


def _end_orphans(config: settings.Settings, title: str) -> None:
    """End what is left of a worker that was killed in this one's place."""
    names = [settings.variable(field) for field in ("instance", "run_dir", "colour", "number")]
    mark = {name: os.environ[name] for name in names if name in os.environ}
    family.end_orphans(title, mark, config.children_timeout)


def _end_children(config: settings.Settings) -> None:
    """Do with the processes that the application has started as the setting says; the log names them."""
    if config.children == "leave":
        if left := family.others():
            log.event("children_left", processes=[str(one) for one in left])
        jobs.forget_processes()
        return
    ended, killed = family.end_group(config.children_timeout, jobs.ending_alone())
    if ended or killed:
        named = {"ended": [str(one) for one in ended], "killed": [str(one) for one in killed]}
        log.event("children", **named, after_seconds=config.children_timeout)


def _refuse(reason: str, cause: BaseException | None) -> int:
    """Say why the application is not served, last, so that the end of the log shows it."""
    if cause is not None:
        traceback.print_exception(cause)
    log.words(reason)
    return EX_APPLICATION


def _listener_problem() -> str | None:
    """Return what is wrong with descriptor 0, as a question to the reader, or None."""
    what = None
    try:
        mode = os.fstat(LISTENER).st_mode
    except OSError:
        what = "is closed"
    else:
        if not stat.S_ISSOCK(mode):
            what = "is not a socket"
        else:
            with engine.raw_socket.socket(fileno=os.dup(LISTENER)) as candidate:
                if not candidate.getsockopt(engine.raw_socket.SOL_SOCKET, engine.raw_socket.SO_ACCEPTCONN):
                    what = "is a socket that does not listen"
    if what is None:
        return None
    return (
        f"file descriptor {LISTENER} {what}: was this worker started outside of supervisord,"
        " or by a [program:x] instead of an [fcgi-program:x]?"
    )


def _take_listener() -> Any:
    """Move the listening socket to a descriptor that closes on exec; 0 becomes /dev/null.

    A program that the application starts then reads the end of its input, and never holds the port.
    """
    listener = engine.raw_socket.socket(fileno=os.dup(LISTENER))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, LISTENER)
    os.close(nothing)
    forks.on_child(listener.close)
    return listener
