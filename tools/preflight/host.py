"""All findings of a target: what `mooring.host.probe` has told of it, against what the site wants.

Each command checks what it needs, and no more: a host without room for a release can still be looked at, restarted
and rolled back. What the command itself repairs (the owner of a folder) is no finding.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mooring import settings as runtime
from mooring.host import addresses
from mooring.host.folders import MARK
from mooring.settings import RESERVE
from preflight import folders
from preflight.values import shown

ROOM = 300
"""MiB that must be free for a first deploy: supervisord's virtualenv and a release."""
OPEN_FILES = 4096
"""Open files that supervisord and each process may have, where the host allows as many."""
SPARE = 64
"""Descriptors above that number, which the plugin keeps its sockets at."""
MAX_CONNECTIONS = runtime.variable("max_connections")
PER_PROCESS = 5
"""Descriptors of supervisord for each process: three pipes and two logs."""
OWN = 64
"""Descriptors of supervisord's own: its log, its control socket and their clients."""


@dataclass(frozen=True)
class Site:
    """What the inventory wants of a target; the role site tells it in one dictionary."""

    host: str
    root: str
    name: str
    init: str
    bind: str
    url: str
    python: dict[str, Any]
    workers: int
    companions: int
    settings: dict[str, Any]
    """The inventory's worker_settings."""
    no_new_privileges: bool
    core_dumps: bool
    socket_unit: str = ""
    """What systemd says that our socket unit listens to."""
    systemd_error: str = ""
    """Why systemd cannot be asked, "" when it can."""

    @property
    def max_connections(self) -> int:
        """Tell how many connections a worker takes."""
        return int(self.settings.get(MAX_CONNECTIONS) or runtime.Settings.max_connections)

    @property
    def systemd(self) -> bool:
        """Tell whether systemd starts supervisord."""
        return self.init == "systemd"


Finder = Callable[[dict[str, Any], Site], Iterator[str]]


def target(facts: dict[str, Any], wanted: dict[str, Any], command: str) -> list[str]:
    """Say all that keeps a command (a name of CHECKS) from its work on this target."""
    site = Site(**wanted)
    return [problem for find in CHECKS[command] for problem in find(facts, site)]


def open_files(facts: dict[str, Any], wanted: dict[str, Any]) -> int:
    """Choose how many files supervisord and its processes may have open: as many as wanted, or as the host allows."""
    site = Site(**wanted)
    hard = None if site.systemd else facts["open_files"]["hard"]  # systemd's unit has a limit of its own
    most = max(OPEN_FILES, _needed(site))
    return most if hard is None else min(most, hard - SPARE)


def _needed(site: Site) -> int:
    """Count the files that a full worker, or supervisord in a switch (two generations), may have open."""
    processes = 2 * site.workers + 1 + site.companions
    return max(site.max_connections + RESERVE, OWN + PER_PROCESS * processes)


def notices(facts: dict[str, Any], wanted: dict[str, Any], command: str) -> list[str]:
    """Say what a deploy does on this target that is better done in another way."""
    site, user = Site(**wanted), facts["user"]
    if command != "deploy":
        return []
    return [*_shared_user(user, facts, site), *_anothers_folder(facts, site)]


def _shared_user(user: dict[str, Any], facts: dict[str, Any], site: Site) -> Iterator[str]:
    if not user["shared"]:
        return
    begin = f"The processes of {site.root} on {site.host} run as {user['name']}: every other program of that user there can"
    way = (
        f"Leave service_user on {shown('auto')}, or name a user of its own."
        if facts["supervisor"]["owner"] is None
        else "For a user of its own: playbooks/remove.yml, then deploy without service_user."
    )
    yield f"{begin} read their secrets and stop them. {way}"


def _anothers_folder(facts: dict[str, Any], site: Site) -> Iterator[str]:
    if facts["euid"] == 0 and facts["root"]["anothers"] and not facts["root"]["exposed"]:
        yield (
            f"mooring_root is {site.root}, and {facts['root']['anothers']} on {site.host} can be changed by other users than"
            " root, who can so replace what root runs there. Name a folder of root's own, for example /var/lib/mooring."
        )


def _systemd(facts: dict[str, Any], site: Site) -> Iterator[str]:
    if not site.systemd:
        return
    if site.systemd_error:
        yield f"init is systemd, but {site.host} was not booted with it ({site.systemd_error}). Set init: background."
    elif facts["euid"] != 0:
        yield (
            f"init is systemd: units can be installed on {site.host} by root alone. Set `ansible_become: true` in the inventory"
            " (or run with --become) if the user that logs in may use sudo, or set init: background."
        )


def _user(facts: dict[str, Any], site: Site) -> Iterator[str]:
    user = facts["user"]
    begin = f"service_user is {shown(user['name'])} on {site.host}:"
    if not user["exists"]:
        if facts["euid"] != 0:  # root's deploy creates it
            yield f"{begin} there is no such user. Create it, or name another."
    elif user["uid"] == 0:
        yield f"{begin} nothing of Mooring runs as root. Name an ordinary user."
    elif facts["euid"] not in (0, user["uid"]):
        yield (
            f"{begin} only root can run processes as somebody else. Leave service_user on {shown('auto')},"
            " or deploy as root."
        )


def _same_user(facts: dict[str, Any], site: Site) -> Iterator[str]:
    """Keep the user that runs there: what another user has written, a new one could not write on, and a lock would chown."""
    name, server = facts["user"]["name"], facts["supervisor"]
    running = server["user"] not in (None, name)
    if running or server["owner"] not in (None, name, "root"):
        does = "runs as" if running else "belongs to"
        yield (
            f"service_user is {shown(name)}, and supervisord in {site.root} on {site.host} {does}"
            f" {server['user'] if running else server['owner']}: a running supervisord cannot become another user, and all"
            " instances of one mooring_root run as the same. Write that user, give this instance a mooring_root of its own, or"
            " run playbooks/remove.yml with the old service_user first."
        )


def _run_folder(facts: dict[str, Any], site: Site) -> Iterator[str]:
    name = facts["user"]["name"]
    if facts["supervisor"]["owner"] == "root" and name != "root" and facts["euid"] != 0:
        yield (
            f"{site.root}/supervisor/run on {site.host} belongs to root, and {name} must write there. As root:"
            f" chown {name} {site.root}/supervisor/run."
        )


def _given_up(facts: dict[str, Any], site: Site) -> Iterator[str]:
    """Find what processes are to have, and cannot: nobody gets back what he, or a supervisord that runs, has given up."""
    wanted = {
        "privileges": (not site.no_new_privileges, "no_new_privileges is false", "gain rights by sudo"),
        "core_dumps": (site.core_dumps, "core_dumps is true", "leave core files"),
    }
    for name, (is_wanted, begin, what) in wanted.items():
        running = facts["supervisor"]["may"]
        if site.systemd or not is_wanted:  # systemd starts it again, with what the unit says
            continue
        if not facts["may"][name]:
            how = "ulimit -Hc is 0" if name == "core_dumps" else "NoNewPrivs in /proc/self/status"
            yield (
                f"{begin}, and on {site.host} what starts supervisord may not {what} itself ({how}). Change that, or take the"
                " setting back."
            )
        elif running and not running[name]:
            yield (
                f"{begin}, and supervisord of {site.root} on {site.host} (process {facts['supervisor']['pid']}) was started"
                f" without: it can never {what}. End it, which closes the port for a moment, and run this again:"
                f" {site.root}/supervisor/venv/bin/supervisorctl -c {site.root}/supervisor/supervisord.conf shutdown"
            )


def _python(facts: dict[str, Any], site: Site) -> Iterator[str]:
    if site.python:
        return
    user = facts["user"]["name"]
    found = [
        f"{each['path']} ({'.'.join(str(part) for part in each['version']) or 'unknown'}"
        f"{'' if each['venv'] else ', without venv'}"
        f"{f', which {user} cannot run' if each['user_may_run'] is False else ''}"
        f"{f', and {user} can put another in its place: see the rights of ' + each['exposed'] if each['exposed'] else ''})"
        for each in facts["pythons"]
    ]
    yield (
        f"{site.host} has no Python that will do (CPython 3.10 or newer with venv, on glibc, that {user} can run). Found:"
        f" {', '.join(found) or 'none'}. Install one (Debian: apt install python3-venv), or name one by target_python."
    )


def _folder(facts: dict[str, Any], site: Site) -> Iterator[str]:
    root, user = facts["root"], facts["user"]["name"]
    begin, end = f"mooring_root is {site.root}, but {root['nearest']} on {site.host}", "by mooring_root."
    if root["broken_link"]:
        yield f"{begin} is a link to what is not there. Remove the link, or name another folder {end}"
    elif not root["is_folder"]:
        yield f"{begin} is no folder. Name another folder {end}"
    elif root["read_only"]:
        yield f"{begin} is mounted read-only. Name another folder {end}"
    elif root["noexec"]:
        yield f"{begin} is mounted noexec, and a virtualenv is run from there. Name another folder {end}"
    elif not root["writable"]:
        yield f"{begin} cannot be written. Name another folder {end}"
    if root["closed"]:
        yield (
            f"mooring_root is {site.root}, but {user} cannot enter {root['closed']} on {site.host}, and all processes run"
            f" as {user}. Name another folder by mooring_root, or let others enter it: chmod o+x {root['closed']}"
        )


def _own_folder(facts: dict[str, Any], site: Site) -> Iterator[str]:
    """Keep from folders that are not Mooring's: a deploy would spread in them, and a removal take them away."""
    root, begin = facts["root"], f"mooring_root is {site.root}, and on {site.host}"
    if root["anothers_link"]:
        yield (
            f"{begin} {root['anothers_link']} is a link of another user, who could lead it elsewhere. Name the folder that it"
            " leads to, or another."
        )
    elif folders.is_system(root["real"]):
        yield f"{begin} that is {root['real']}, a folder of the system. Name a folder of its own."
    elif root["within"] and not root["ours"]:
        yield (
            f"{begin} that is a folder in {root['within']}, which is Mooring's too: a prune or a removal there would take it"
            " away. Name a folder of its own."
        )
    elif root["holds"] and not root["ours"]:
        yield (
            f"{begin} that folder has {', '.join(root['holds'])}, and no file {MARK} that says that it is Mooring's."
            f" Nothing in it is touched. Name a folder of its own, for example {site.root}/mooring."
        )


def _exposed(facts: dict[str, Any], site: Site) -> Iterator[str]:
    """Keep root from programs that the service user can put in the place of ours."""
    folder, user = facts["root"]["exposed"], facts["user"]["name"]
    if folder:
        yield (
            f"mooring_root is {site.root}, and {user}, as whom the application runs, can put something else in the place of"
            f" what lies in {folder} on {site.host}: programs that root runs. Take that right away, for example by"
            f" chown root: {folder} && chmod go-w {folder}, or name another folder by mooring_root."
        )


def _places(facts: dict[str, Any], site: Site) -> Iterator[str]:
    for each in facts["misplaced"]:
        yield (
            f"{each['path']} on {site.host} is a {each['found']}, and Mooring keeps a {each['wanted']} there. Move it away."
        )


def _first_room(facts: dict[str, Any], site: Site) -> Iterator[str]:
    """Ask for room at a first deploy; later the role release asks, when it has something to build."""
    if not any(_instance(each) == site.name for each in facts["configured"]):
        yield from _room(facts, site)


def _room(facts: dict[str, Any], site: Site) -> Iterator[str]:
    free = facts["root"]["free_bytes"]
    if free <= ROOM * 1024 * 1024:
        yield (
            f"{site.root} on {site.host} has {free // 1048576} MiB left; a release needs about 100, and {ROOM} are wanted."
            " Make room, or name another folder by mooring_root."
        )


def _sockets(facts: dict[str, Any], site: Site) -> Iterator[str]:
    for each in facts["socket_paths"]:
        if not each["fits"]:
            yield (
                f"{each['path']} has {each['bytes']} bytes, a unix socket's path at most {each['limit']}. Choose a shorter"
                f" mooring_root or api_name (on {site.host})."
            )


def _limits(facts: dict[str, Any], site: Site) -> Iterator[str]:
    hard, needed = facts["open_files"]["hard"], _needed(site)
    if site.systemd or hard is None or hard - SPARE >= needed:
        return
    name, left = MAX_CONNECTIONS, hard - SPARE - RESERVE
    lower = (
        f"lower it: worker_settings: {{{name}: {left}}}"
        if left >= 1 and needed == site.max_connections + RESERVE
        else "lower workers"
    )
    yield (
        f"A process on {site.host} may open {hard} files (ulimit -Hn), and {needed + SPARE} are needed for {name} of"
        f" {site.max_connections} and {site.workers} workers. Raise the limit of the user that logs in (nofile in"
        f" /etc/security/limits.conf), or {lower}."
    )


def _instance(configured: dict[str, str]) -> str:
    """Name the instance that a program file belongs to."""
    return re.sub(r"-(bootstrap|blue|green)\.conf$", "", configured["file"])


def _overlap(one: str, other: str) -> bool:
    """Tell whether two URLs cannot be held by two sockets at once."""
    first, second = addresses.parse_url(one), addresses.parse_url(other)
    return first.port == second.port and addresses.clash(
        ipaddress.ip_address(first.host), ipaddress.ip_address(second.host)
    )


def _port(facts: dict[str, Any], site: Site) -> Iterator[str]:
    address = addresses.parse_url(site.url)
    overlapping = [each for each in facts["configured"] if _overlap(each["url"], site.url)]
    neighbours = sorted({_instance(each) for each in overlapping} - {site.name})
    held = sorted({each["url"] for each in overlapping if _instance(each) == site.name} - {site.url})
    first = facts["network"]["first_unprivileged_port"]
    listening = facts["listen"][0]
    if neighbours:
        yield (
            f"{site.url} on {site.host} is the port of {', '.join(neighbours)}, an instance of the same mooring_root: two"
            " instances at one port would take each other's requests. Choose another: -e api_port=9002"
        )
    elif held:
        before = addresses.parse_url(held[0]).host
        yield (
            f"bind is {site.bind}, and {site.name} on {site.host} listens at {before}, port {address.port}: the same port"
            f" cannot be opened at both addresses, and closing it first would refuse requests. Keep bind: {before}, or deploy"
            " with another api_port as well (and, if you wish, once more with the old one)."
        )
    elif (
        not site.systemd and address.port < first and (facts["euid"] == 0 or listening["reason"] == "EACCES")
    ):
        yield (
            f"api_port is {address.port}, and on {site.host} only root can open a port below {first}"
            " (net.ipv4.ip_unprivileged_port_start), which supervisord does not run as. Set init: systemd (it opens the port"
            f" as root), or write a port from {first}."
        )
    elif not listening["free"] and not _ours(facts, site):
        yield _not_free(facts, site)


def _ours(facts: dict[str, Any], site: Site) -> bool:
    """Tell whether the port is held by the instance itself, which hands it on to the new release.

    Any user can give a process of his own the same command line.
    """
    listening = facts["listen"][0]
    holder = listening["holder"] or {}
    command = holder.get("command") or ""
    is_ours = holder.get("uid") in (0, facts["user"]["uid"])
    return (
        bool(command)
        and is_ours
        and (
            (site.systemd and site.socket_unit == f"{site.url.removeprefix('tcp://')} (Stream)")
            or f"{site.root}/supervisor/" in command
            or re.match(rf"mooring: {re.escape(site.name)} (?!companion )", command) is not None
        )
    )


def _not_free(facts: dict[str, Any], site: Site) -> str:
    listening, addresses = facts["listen"][0], facts["network"]["addresses"]
    six = [each for each in addresses if ":" in each]
    if listening["reason"] in ("EADDRNOTAVAIL", "EAFNOSUPPORT"):
        if ":" in site.bind and not six:
            return f"bind is {shown(site.bind)}, and {site.host} has no IPv6. Write 0.0.0.0, or an address in IPv4."
        return (
            f"bind is {shown(site.bind)}, which is no address of {site.host}. Write one of its own"
            f" ({', '.join(addresses)}), or 0.0.0.0 for all of IPv4."
        )
    holder = listening["holder"]
    by = f"; held by {holder['text']}" if holder else ""
    return (
        f"{listening['url']} on {site.host} cannot be opened: {listening['error']}{by}. Stop what holds it, or choose"
        " another: -e api_port=9002"
    )


CHECKS: dict[str, tuple[Finder, ...]] = {
    "deploy": (
        _systemd,
        _user,
        _same_user,
        _run_folder,
        _given_up,
        _python,
        _folder,
        _own_folder,
        _exposed,
        _places,
        _first_room,
        _sockets,
        _port,
        _limits,
    ),
    "build": (_room,),
    "operate": (_systemd, _user, _same_user, _own_folder, _exposed, _places),
    "look": (_places,),
    "remove": (_systemd, _own_folder, _places),
}
"""The commands: deploy, and build within it; operate (restart, rollback, prove); look (status, verify); remove."""
