"""Supervisord's plugin: one listening socket per URL, shared by all groups that name it.

    [rpcinterface:mooring]
    supervisor.rpcinterface_factory = mooring.plugin:make_rpcinterface

In stock supervisord a listening socket belongs to one `[fcgi-program]` group and is bound and closed as the
group's processes come and go: a restart of the group refuses connections, and a bind that fails kills
supervisord itself (upstream issues 1567 and 1569). With this plugin the rules are:

- A socket is bound once, when a group that names its URL is added, and never when a process is spawned. If
  that fails, adding the group is refused with the reason (an XML-RPC fault; at start-up and reload a
  critical line in the log, and the group is left out until the next `update`), and nothing else is touched.
- It stays open as long as any configured group names its URL: one that is active, or one of the
  configuration as last read.
- It lives at a descriptor that is not below `minfds`: supervisord closes those when it is reloaded.
- A descriptor that was closed while it was watched, and came back as the standard input of an fcgi-program (whose
  other end the child closes: its input is the socket), is no longer watched. Stock supervisord is not told of
  the close, and would come back from each poll(2) at once with POLLERR: a core lost until the next restart.
- A socket that systemd passed (sd_listen_fds(3)) is adopted by the group whose URL it matches, and kept for
  good.
- Processes are started and stopped by the monotonic clock: `clock`.
- What an application has printed can be read by `supervisorctl tail`, control characters and all: `readable`.
- A control socket whose file has been removed is made again: `control_socket`.
- A process that has ended is started again in the same turn of supervisord's loop; stock supervisord first waits for
  the next event, a second at most, in which an instance has a worker less.
- What a process finds in its environment is the service user's own (HOME, USER, LOGNAME, PATH, LANG) and what its program
  file names: nothing of whoever has started supervisord, a shell or systemd.
- supervisord and its processes gain no rights by another program (sudo), leave no core file, and have the umask of
  [supervisord]; what the section of this plugin says holds, whoever has started supervisord, and after a reload.
- A child that is stopped before it has run its command ends. Stock supervisord's child has supervisord's own signal
  handlers until execve(2): they only note the signal, which is lost, and the process runs until stopwaitsecs.

Supervisord reads its configuration, imports this module when it finds the section above, and only then
makes the groups: so the import installs the changes below. They work with supervisor 4.2.5 and 4.3.0.
"""

from __future__ import annotations

import functools
import hashlib
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

from supervisor import events, options, process, rpcinterface, xmlrpc
from supervisor.datatypes import boolean
from supervisor.options import FastCGIGroupConfig, ServerOptions
from supervisor.poller import PollPoller
from supervisor.process import FastCGIProcessGroup
from supervisor.supervisord import Supervisor
from supervisor.xmlrpc import Faults, RPCError

from mooring import inherited
from mooring.host import users
from mooring.plugin import control_socket, readable
from mooring.plugin.clock import SteadyTime
from mooring.plugin.endpoints import parse_endpoint
from mooring.plugin.sockets import RefusedError, SharedSockets

shared = SharedSockets()
"""All sockets of this supervisord; here, since a module outlives a reload (which makes a new Supervisor)."""


class SharedSocketManager:
    """Stands in for supervisor's SocketManager: hands the shared socket out, leaves its life to `shared`."""

    def __init__(self, endpoint: Any, **_: Any) -> None:
        self.endpoint = endpoint

    def config(self) -> Any:
        """Return the socket's configuration, as supervisor's own class does."""
        return self.endpoint

    def get_socket(self) -> Any:
        """Return the socket: called when the group is made, and before each spawn for the child's fd 0."""
        return shared.socket_of(self.endpoint)


# Those that supervisord handles (ServerOptions.setsignals)
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2)


def fork(_options: Any) -> int:
    """Fork as ServerOptions.fork does, and have the child end by a signal that comes before its execve(2)."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)  # or one could come before the child is here
    try:
        pid = os.fork()
        if not pid:
            for number in HANDLED:
                signal.signal(number, signal.SIG_DFL)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _install() -> None:
    # Started by `python -m supervisor.supervisord`, the class in use is that of the module __main__
    supervisor_class = getattr(sys.modules["__main__"], "Supervisor", Supervisor)
    parse_socket, add_process_group = ServerOptions.parse_fcgi_socket, supervisor_class.add_process_group
    cleanup_fds, forget_closed = ServerOptions.cleanup_fds, PollPoller._ignore_invalid
    reap_children = supervisor_class.reap

    def parse_fcgi_socket(options: Any, url: str, *rest: Any) -> Any:
        """Return our kind of socket configuration, which knows IPv6 and compares all that it holds."""
        return parse_endpoint(functools.partial(parse_socket, options), url, *rest)

    def make_group(config: Any) -> Any:
        """Have the group's socket open, then make the group. RefusedError says why not."""
        shared.open(config.socket_config, config.options.minfds, config.options.logger)
        return FastCGIProcessGroup(config, socketManager=SharedSocketManager)

    def add(supervisord: Any, config: Any) -> Any:
        """Add the group, or refuse it alone: supervisord and all other groups go on."""
        try:
            return add_process_group(supervisord, config)
        except RefusedError as refusal:
            reason = f"group {config.name} is refused: {refusal}"
            supervisord.options.logger.critical(reason)
            if supervisord.options.httpservers:  # a client asked; at start-up there can be none yet
                raise RPCError(Faults.FAILED, reason) from refusal
            return False

    def cleanup(options: Any) -> None:
        """Keep our sockets from the sweep that a reload begins with, though minfds may have been raised."""
        try:
            shared.move_above(options.minfds)
        except RefusedError as refusal:
            options.parse_criticals.append(f"old descriptors are not closed: {refusal}")
        else:
            cleanup_fds(options)

    def ignore_invalid(poller: Any, fd: int, events: int) -> bool:
        """Forget a descriptor that is closed, as supervisor does, and one that can never be read: POLLERR alone."""
        if events == select.POLLERR:
            events = select.POLLNVAL
        return bool(forget_closed(poller, fd, events))

    def reap(supervisord: Any, once: bool = False, recursionguard: int = 0) -> None:
        """Reap, and when all have been reaped start again what is to run."""
        reap_children(supervisord, once, recursionguard)
        if not once and not recursionguard:
            for group in list(supervisord.process_groups.values()):
                group.transition()

    rpcinterface.as_string = options.as_string = readable.text_of
    xmlrpc.xmlrpc_marshal = functools.partial(readable.marshal, xmlrpc.xmlrpc_marshal)
    steady = SteadyTime()
    timed: tuple[Any, ...] = (process, rpcinterface, sys.modules[supervisor_class.__module__])
    for module in timed:
        module.time = steady
    PollPoller._ignore_invalid = ignore_invalid
    ServerOptions.parse_fcgi_socket = parse_fcgi_socket
    FastCGIGroupConfig.make_group = make_group
    supervisor_class.add_process_group = add
    supervisor_class.reap = reap
    ServerOptions.cleanup_fds = cleanup
    ServerOptions.fork = fork


class SocketsRPCInterface:
    """The XML-RPC namespace `mooring`."""

    def __init__(self, supervisord: Any) -> None:
        self._supervisord = supervisord
        self._configuration = hashlib.sha256(Path(supervisord.options.configfile).read_bytes()).hexdigest()

    def _groups_of(self, url: str) -> list[str]:
        active = [group.config for group in self._supervisord.process_groups.values()]
        return sorted(config.name for config in active if _url(config) == url)

    def _close_unused(self, _event: Any = None) -> None:
        options = self._supervisord.options
        active = [group.config for group in self._supervisord.process_groups.values()]
        named = {_url(config) for config in [*active, *options.process_group_configs]}
        for url in shared.close_all_but(named):
            options.logger.info("socket %(url)s: closed, no group names it any more", url=url)

    def getSockets(self) -> list[dict[str, Any]]:  # noqa: N802 - supervisor's RPC methods are named so
        """List the open sockets and the groups that are active on each.

        @return array result  structs of url, fd, inode (as text), backlog, adopted, groups
        """
        return [{**facts, "groups": self._groups_of(facts["url"])} for facts in shared.facts()]

    def getConfiguration(self) -> str:  # noqa: N802
        """Tell which configuration supervisord has read, when it was started or last reloaded.

        @return string result  the SHA-256 of the file's bytes, in hexadecimal; included files do not count
        """
        return self._configuration

    def checkSocket(self, name: str) -> bool:  # noqa: N802
        """Tell whether the socket of a configured group is open or could be opened now; changes nothing.

        @param string name     name of a process group of the configuration as last read
        @return boolean result  always true; a fault says why not
        """
        for config in self._supervisord.options.process_group_configs:
            if config.name == name:
                if isinstance(config, FastCGIGroupConfig):
                    try:
                        shared.check(config.socket_config)
                    except RefusedError as refusal:
                        raise RPCError(Faults.FAILED, f"group {name}: {refusal}") from refusal
                return True
        raise RPCError(Faults.BAD_NAME, name)


def _url(config: Any) -> str | None:
    return config.socket_config.url if isinstance(config, FastCGIGroupConfig) else None


def make_rpcinterface(
    supervisord: Any, no_new_privileges: str = "true", core_dumps: str = "false", **_: Any
) -> SocketsRPCInterface:
    """Make the RPC namespace; supervisord calls this when all groups of the configuration have been added.

    It has become the service user by then, and has started no process yet: each of them inherits os.environ, and what is
    given up here. The two texts are those of the plugin's section.
    """
    os.environ.clear()
    os.environ.update(users.environment_of(os.geteuid()))
    os.umask(
        supervisord.options.umask
    )  # supervisord itself sets it when it becomes a daemon, not below systemd
    if boolean(no_new_privileges):
        inherited.refuse_new_privileges()
    if boolean(core_dumps):
        inherited.allow_core_dumps()
    else:
        inherited.refuse_core_dumps()
    interface = SocketsRPCInterface(supervisord)
    interface._close_unused()
    # Supervisor forgets all subscriptions when it is reloaded, so these never pile up. The tick is for a
    # group that was removed first and left the configuration later.
    events.subscribe(events.ProcessGroupRemovedEvent, interface._close_unused)
    events.subscribe(events.Tick5Event, interface._close_unused)
    events.subscribe(events.Tick5Event, lambda _event: control_socket.reopen(supervisord.options))
    return interface


_install()
