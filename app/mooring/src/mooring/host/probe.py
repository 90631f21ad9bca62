"""Facts of a host before anything is installed on it: interpreters, cores, limits, users, addresses, folders and their rights.

The playbooks send this to a target that has nothing but some Python, and run it there: it keeps to Python 3.8's standard
library and syntax. The runtime imports it as well, for who holds an address (`holder_of`) and for the environment of a
user's processes (`environment_of`).

It changes nothing on the host; `gather` says what it tells.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import grp
import ipaddress
import json
import os
import pwd
import re
import resource
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Union

from mooring.host import errors
from mooring.host.instance import Root

# Evaluated when this is imported, and Python 3.8 knows no other way to write it.
IPAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]  # noqa: UP007

# sun_path of unix(7) has 108 bytes, one of them for the NUL at the end.
UNIX_PATH_MAX = 107
PROBE_TIMEOUT = 20  # seconds for one interpreter to say what it is
COMMAND_MAX = 160  # characters of a command line that are shown
PATH = (
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # as login(1) of Debian sets it for root
)
LANG = "C.UTF-8"  # the one locale with UTF-8 that every host has
SERVICE_USER = "mooring"  # whom a deploy as root runs processes as, when no user is named
SHARED_USER = "nobody"  # the user, and the group of the user, that belong to no program alone
MARK = ".mooring"  # the file that says: this folder is a mooring_root
PLUGIN = b"=mooring.plugin:make_rpcinterface"  # in each supervisord.conf of ours
LINKS = 40  # links on the way of one path: path_resolution(7)
CONF_MAX = 1 << 20  # bytes of it that are read
OVERFLOW_ID = 65534  # the kernel's number for a user or group that it cannot name: it owns nothing
PID_MAX = 32  # bytes of a pid file that are read
WORDS_MAX = 1 << 16  # bytes of a command line that are read: prctl(2), PR_SET_MM_MAP, makes one of any length
OF_THE_USER = re.compile("/(run|log|data)$")  # folders in a mooring_root that are the service user's own
TCP_LISTEN = "0A"  # include/net/tcp_states.h

# What each candidate interpreter says of itself. It must run on any Python 3. Of a virtualenv it names the
# interpreter that it was made from: that one stays.
PROBE = """
import json, os, platform, sys, sysconfig
from importlib.util import find_spec
libc = platform.libc_ver()
print(json.dumps({
    "path": sys.executable if sys.prefix == sys.base_prefix else os.path.realpath(sys.executable),
    "version": list(sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "machine": platform.machine(),
    "libc": libc[0] or "unknown",
    "libc_version": libc[1],
    "abi": sysconfig.get_config_var("SOABI") or "",
    "library": os.path.dirname(os.__file__),
    "venv": find_spec("venv") is not None,
    "ensurepip": find_spec("ensurepip") is not None,
}))
"""

# What is said of an interpreter that the service user cannot run: it is named in the error, and never chosen.
UNUSABLE = {
    "version": [],
    "implementation": "unknown",
    "libc": "unknown",
    "venv": False,
    "user_may_run": False,
    "exposed": None,
}


class Address(NamedTuple):
    """Where a socket URL points: a host and port, or a path."""

    family: int
    host: str
    port: int

    @property
    def path(self) -> str:
        """The path of a unix socket (kept where a host would stand)."""
        return self.host


class Holder(NamedTuple):
    """Who holds an address. `pid` and `command` are None when this user may not look into that process."""

    inode: int
    uid: int | None
    pid: int | None
    command: str | None

    def __str__(self) -> str:
        if self.pid is not None:
            return f"process {self.pid} ({self.command})"
        owner = "another user" if self.uid is None else f"user {_user_name(self.uid)}"
        return f"a process of {owner} (as root, `ss -lxntp` names it)"


def parse_url(url: str) -> Address:
    """Take a socket URL apart: `tcp://host:port`, `tcp://[ipv6]:port` or `unix:///absolute/path`.

    ValueError says what is wrong with it.
    """
    if url.startswith("unix://"):
        if not url[7:].startswith("/"):
            raise ValueError(f"{url}: a unix socket needs an absolute path, unix:///run/api.sock")
        return Address(socket.AF_UNIX, os.path.normpath(url[7:]), 0)
    match = re.fullmatch(r"tcp://(?:\[([0-9A-Fa-f:.]+(?:%[^\s\]]+)?)\]|([^\s:\[\]]+)):(\d{1,5})", url)
    if match is None:
        raise ValueError(f"{url}: not a socket URL; write tcp://host:port, tcp://[ipv6]:port or unix:///path")
    if not 0 < int(match[3]) < 65536:
        raise ValueError(f"{url}: port {match[3]} is not between 1 and 65535")
    family = socket.AF_INET6 if match[1] else socket.AF_INET
    return Address(family, (match[1] or match[2]).lower(), int(match[3]))


def resolve(address: Address) -> Any:
    """Give the address in the form that bind(2) takes. socket.gaierror when the host's name is unknown."""
    if address.family == socket.AF_UNIX:
        return address.path
    found = socket.getaddrinfo(
        address.host, address.port, address.family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE
    )
    return found[0][4]


def holder_of(address: Address) -> Holder | None:
    """Find the listening socket that keeps others from the address, and its process where that can be seen.

    None when /proc shows none. Reads /proc/net/{tcp,tcp6,unix} (proc(5)) of this network namespace.
    """
    found = _unix_listener(address.path) if address.family == socket.AF_UNIX else _tcp_listener(address)
    if found is None:
        return None
    inode, uid = found
    pid = _pid_with_socket(inode)
    return Holder(inode, uid, pid, None if pid is None else _command(pid))


def _tcp_listener(address: Address) -> tuple[int, int] | None:
    wanted = ipaddress.ip_address(resolve(address)[0].split("%")[0])
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _lines(table)[1:]:
            fields = line.split()
            host, port = _decode(fields[1])
            if fields[3] == TCP_LISTEN and port == address.port and clash(host, wanted):
                return int(fields[9]), int(fields[7])
    return None


def clash(one: IPAddress, other: IPAddress) -> bool:
    """Tell whether both can't be bound to one port. `::` counts as dual-stack: /proc doesn't tell."""
    if one.version != other.version:
        six = one if one.version == 6 else other
        return six.is_unspecified
    return one == other or one.is_unspecified or other.is_unspecified


def _decode(field: str) -> tuple[IPAddress, int]:
    """Decode an address of /proc/net/tcp*: 32-bit words in the machine's order, a colon, the port in hex."""
    words, port = field.split(":")
    packed = b"".join(struct.pack("=I", int(words[i : i + 8], 16)) for i in range(0, len(words), 8))
    host = ipaddress.ip_address(packed)
    return getattr(host, "ipv4_mapped", None) or host, int(port, 16)


def _unix_listener(path: str) -> tuple[int, int | None] | None:
    accepts = 0x10000  # __SO_ACCEPTCON, the Flags column of /proc/net/unix
    for line in _lines("/proc/net/unix")[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[7] == path and int(fields[3], 16) & accepts:
            return int(fields[6]), None
    return None


def _beginning(path: str, most: int) -> bytes:
    """Read the first bytes of a plain file: no link at its end is followed, and no FIFO waited for. OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", path)
        return file.read(most)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:  # no IPv6 in this kernel
        return []


def _pid_with_socket(inode: int) -> int | None:
    link = f"socket:[{inode}]"
    for fd in glob.iglob("/proc/[0-9]*/fd/*"):  # noqa: PTH207 - it passes over what may not be looked into
        # Not ours to look into, or it has ended since: no answer from that one.
        with contextlib.suppress(OSError):
            if os.readlink(fd) == link:  # noqa: PTH115 - the link's text is the fact, it is no path
                return int(fd.split("/")[2])
    return None


def _command(pid: int) -> str:
    try:
        words = (
            _beginning(f"/proc/{pid}/cmdline", WORDS_MAX)
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
            .strip()
        )
        words = words or Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "it has ended since"
    return words if len(words) <= COMMAND_MAX else words[: COMMAND_MAX - 1] + "…"


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def listen_facts(url: str) -> dict[str, Any]:
    """Say whether the address is free: by binding it (and nothing more), since only that tells for sure.

    `reason` is the name of the error (errno(3)), `holder` who listens there, as text too.
    """
    address = parse_url(url)
    facts: dict[str, Any] = {"url": url, "free": True, "error": None, "reason": None, "holder": None}
    try:
        if address.family == socket.AF_UNIX:
            in_use = _unix_listener(address.path) is not None
            error = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)) if in_use else None
        else:
            error = _try_to_bind(address)
        if error is not None:
            holder = holder_of(address) if error.errno == errno.EADDRINUSE else None
            facts.update(free=False, error=error.strerror, reason=errno.errorcode.get(error.errno or 0))
            facts.update(holder=holder and {**holder._asdict(), "text": str(holder)})
    except socket.gaierror as problem:
        facts.update(free=False, error=f"the host {address.host} is unknown: {problem.strerror}")
    return facts


def _try_to_bind(address: Address) -> OSError | None:
    try:
        with socket.socket(address.family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(resolve(address))
    except socket.gaierror:
        raise
    except OSError as error:  # of socket(2) as well: a kernel without IPv6
        return error
    return None


def network_facts() -> dict[str, Any]:
    """Tell the host's own addresses, and the first port that needs no privilege (ip(7))."""
    first = "".join(_lines("/proc/sys/net/ipv4/ip_unprivileged_port_start")) or "1024"
    return {"addresses": _addresses(), "first_unprivileged_port": int(first)}


def _addresses(proc: str = "/proc/net") -> list[str]:
    """List the addresses of this host: /proc/net/fib_trie has IPv4's, if_inet6 IPv6's."""
    found = []
    leaf = ""
    for line in _lines(f"{proc}/fib_trie"):
        words = line.split()
        if words[:1] == ["|--"]:
            leaf = words[1]
        elif words == ["/32", "host", "LOCAL"] and leaf not in found:
            found.append(leaf)
    return found + [
        str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))) for line in _lines(f"{proc}/if_inet6")
    ]


def limit_facts() -> dict[str, int | None]:
    """Tell how many files a process started here may have open (getrlimit(2)); None for no limit."""
    soft, hard = (
        None if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    return {"soft": soft, "hard": hard}


def server_facts(home: str) -> dict[str, Any]:
    """Tell whose the supervisord of that folder is: who runs it, and who owns its folder `run`; None without one."""
    facts: dict[str, Any] = {"pid": None, "user": None, "owner": None, "may": None}
    with contextlib.suppress(OSError):
        facts["owner"] = _user_name(Path(home, "run").stat().st_uid)
    with contextlib.suppress(OSError, ValueError):
        pid = int(_beginning(f"{home}/run/supervisord.pid", PID_MAX))  # the folder is the service user's
        # A number that another process has by now is no supervisord, nor is one that has its command line alone.
        (uid,) = _users_of(pid)
        is_ours = uid in (0, os.geteuid(), Path(home, "run").stat().st_uid)
        if is_ours and os.fsencode(f"{home}/") in _beginning(f"/proc/{pid}/cmdline", WORDS_MAX):
            facts.update(pid=pid, user=_user_name(uid), may=may_facts(str(pid)))
    return facts


def may_facts(process: str = "self") -> dict[str, bool]:
    """Tell what a process and its children may do: gain rights by another program, leave core files. OSError.

    proc_pid_status(5), NoNewPrivs; proc_pid_limits(5), the hard limit.
    """
    limits = "".join(_lines(f"/proc/{process}/limits"))
    return {
        "privileges": "NoNewPrivs:\t1" not in _lines(f"/proc/{process}/status"),
        "core_dumps": re.search(r"Max core file size\s+\S+\s+0\s", limits) is None,
    }


def _users_of(pid: int) -> set[int]:
    """Return the real, effective and saved user of a process: proc_pid_status(5), Uid. OSError."""
    uids = next((line for line in _lines(f"/proc/{pid}/status") if line.startswith("Uid:")), "").split()
    return {int(uid) for uid in uids[1:]}


def configured_sockets(folder: str) -> list[dict[str, str]]:
    """List what the program files of that folder listen to: each file's name and its socket's URL."""
    found = []
    for path in sorted(glob.glob(f"{glob.escape(folder)}/*.conf")):  # noqa: PTH207 - a folder may be unreadable
        with contextlib.suppress(OSError):
            urls = re.findall(
                r"^socket=(\S+)", Path(path).read_text(encoding="utf-8", errors="replace"), re.M
            )
            found += [{"file": os.path.basename(path), "url": url} for url in urls]  # noqa: PTH119
    return found


def user_facts(name: str, owner: str | None = None) -> dict[str, Any]:
    """Look the service user up. `exists` is false when there is none of that name.

    `auto` is whoever runs this. For root it is `mooring`, unless `owner`, whose the deployment is that stands there already,
    is nobody: that one goes on. `shared`: other programs of the host run as that user. `own_group`: nobody else is in its
    first group. `comment`: the field of passwd(5) where a deploy notes which users it has created.
    """
    if name == "auto" and os.geteuid() == 0:
        name = SHARED_USER if owner == SHARED_USER else SERVICE_USER
    elif name == "auto":
        name = pwd.getpwuid(os.geteuid()).pw_name
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return {
            **{"name": name, "exists": False, "uid": None, "gid": None, "groups": [], "home": None},
            **{"shared": False, "own_group": False, "comment": ""},
            "environment": {"PATH": PATH, "LANG": LANG},
        }
    group = os.getgrouplist(name, entry.pw_gid)
    return {
        "name": name,
        "exists": True,
        "uid": entry.pw_uid,
        "gid": entry.pw_gid,
        "groups": group,
        "home": entry.pw_dir,
        "shared": name == SHARED_USER or entry.pw_uid == OVERFLOW_ID,
        "own_group": _has_own_group(entry),
        "comment": entry.pw_gecos,
        "environment": environment_of(entry.pw_uid),
    }


def _has_own_group(user: pwd.struct_passwd) -> bool:
    """Tell whether the user's first group bears its name and has no other user, as far as the host lists its users."""
    try:
        group = grp.getgrgid(user.pw_gid)
    except KeyError:  # a number without a name: whose it is cannot be told
        return False
    others = {each.pw_uid for each in pwd.getpwall() if each.pw_gid == user.pw_gid} - {user.pw_uid}
    return (
        group.gr_name == user.pw_name != SHARED_USER and not others and not set(group.gr_mem) - {user.pw_name}
    )


def _tried_as(user: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return as whom root tries what the service user may do. One that does not exist yet has no rights of its own."""
    if user is None or user["exists"] or os.geteuid() != 0:
        return user
    return {**user, "exists": True, "uid": OVERFLOW_ID, "gid": OVERFLOW_ID, "groups": [OVERFLOW_ID]}


def environment_of(uid: int) -> dict[str, str]:
    """Compose the environment that a user's processes start with, whoever starts them, and from wherever."""
    environment = {"PATH": PATH, "LANG": LANG}
    with contextlib.suppress(KeyError):  # a number without a name has no home either
        user = pwd.getpwuid(uid)
        environment.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
    return environment


def python_facts(extra: list[str], user: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Ask every Python 3 that is found what it is, the newest first, each real interpreter once.

    `extra` are paths to try before those of PATH and the usual folders. Each is run as the service user, where we
    may become it: what that user cannot run has `user_may_run` false and nothing more than its path; None stands
    where it could not be tried (we are not root and not that user).
    """
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    # glob passes over folders that may not be looked into; Path.glob raises
    named = [path for folder in folders if folder for path in sorted(glob.glob(f"{folder}/python3*"))]  # noqa: PTH207
    candidates = [path for path in named if re.fullmatch(r"python3(\.\d+)?", Path(path).name)]
    facts: dict[str, dict[str, Any]] = {}
    tried = set()
    for candidate in [*extra, sys.executable, *candidates]:
        file = os.path.realpath(candidate)
        if file in tried or not os.access(candidate, os.X_OK):
            continue
        said = _probe(candidate, user)
        if said is not None and said["exposed"]:  # by another way it may be safe
            facts[candidate] = said
            continue
        tried.add(file)
        if said is not None:
            facts.setdefault(os.path.realpath(said["path"]), said)
        elif _may_become(user):
            facts.setdefault(file, {**UNUSABLE, "path": candidate})
    return sorted(facts.values(), key=lambda each: each["version"], reverse=True)


def _probe(path: str, user: dict[str, Any] | None) -> dict[str, Any] | None:
    """Ask one interpreter what it is, as the user who is to run it; None when that user gets no answer.

    As long as it runs, that user can look into it: it has neither our environment nor, in a session of its own, our terminal.
    """
    becomes = os.geteuid() == 0 and user is not None and _may_become(user)
    try:
        done = subprocess.run(
            [path, "-I", "-c", PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT,
            check=False,
            cwd="/",
            env=environment_of(user["uid"]) if becomes and user is not None else None,
            start_new_session=becomes,
            preexec_fn=lambda: _become(user),
        )
        if done.returncode != 0:
            return None
        said = json.loads(done.stdout)
        exposed_at = exposed([path, said["path"], said["library"]], user)
        return {**said, "user_may_run": True if _may_become(user) else None, "exposed": exposed_at}
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # it can't be run, or is no Python: no candidate then


def _may_become(user: dict[str, Any] | None) -> bool:
    return user is not None and user["exists"] and os.geteuid() in (0, user["uid"])


def _become(user: dict[str, Any] | None) -> None:
    """Become the service user in a child that was just forked, if we are root and that user exists."""
    if user is not None and _may_become(user) and os.geteuid() == 0:
        os.setgroups(user["groups"])
        os.setgid(user["gid"])
        os.setuid(user["uid"])


def core_facts() -> dict[str, Any]:
    """Count the cores that a process started here may use.

    `affinity` by sched_getaffinity(2); `quota` is the smallest CPU limit of our cgroup and those above it, in
    cores, None without one; `available` is what to plan with, at least 1.
    """
    affinity = len(os.sched_getaffinity(0))
    quota = _cpu_quota()
    return {
        "affinity": affinity,
        "quota": quota,
        "available": max(1, affinity if quota is None else min(affinity, int(quota))),
    }


def _cpu_quota(proc: str = "/proc/self/cgroup", root: str = "/sys/fs/cgroup") -> float | None:
    limits = []
    for line in _lines(proc):
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = Path(root) / controllers  # version 2 has no controllers' name in its path
        group = top / name.lstrip("/")
        for folder in [group, *(up for up in group.parents if up == top or top in up.parents)]:
            limits += [_limit_of(folder)]
    return min((limit for limit in limits if limit is not None), default=None)


def _limit_of(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():  # version 2: "max 100000" or "150000 100000", in microseconds
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
    except OSError:
        return None
    return None if quota in ("max", "-1") else int(quota) / int(period)


def path_facts(path: str, user: dict[str, Any] | None = None) -> dict[str, Any]:
    """Tell of a folder that may not exist yet: the nearest parent that does, and what can be done there.

    `closed` is the first folder on the way that the service user cannot enter, None when there is none or it could
    not be tried.
    """
    nearest = path
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)  # noqa: PTH120
    way = [os.path.sep, *(str(each) for each in reversed(Path(nearest).parents)), nearest]
    flags = os.statvfs(nearest).f_flag if os.path.exists(nearest) else 0  # noqa: PTH110
    return {
        "path": path,
        "exists": os.path.exists(path),  # noqa: PTH110 - Path.exists raises where we may not look
        "nearest": nearest,
        "is_folder": os.path.isdir(nearest),  # noqa: PTH112
        "broken_link": os.path.islink(nearest) and not os.path.exists(nearest),  # noqa: PTH110, PTH114
        "writable": os.access(nearest, os.W_OK | os.X_OK, effective_ids=True),
        "read_only": bool(flags & os.ST_RDONLY),
        "noexec": bool(flags & os.ST_NOEXEC),
        "free_bytes": shutil.disk_usage(nearest).free if os.path.exists(nearest) else 0,  # noqa: PTH110
        "closed": next((each for each in way if _may_enter(each, user) is False), None),
    }


def root_facts(path: str, layout: dict[str, list[str]]) -> dict[str, Any]:
    """Tell whose the folder is that is to be, or is, the mooring_root.

    `real` is where it leads. `holds`: names of what stands in it, but for a file system's own lost+found. `ours`: it has our
    mark; or, from before there was a mark, our supervisord's configuration, or nothing but what a deploy makes (`layout` has
    the names, by folder).
    `anothers_link`, `anothers`: the first link, or folder, on the way that another user than root and us can change.
    `within`: the mooring_root that the folder lies in; None when it lies in none.
    """
    real = os.path.realpath(path)
    holds = sorted(set(_names(real)) - {"lost+found"})
    ours = _is_marked(real) or _is_configured(real) or _has_layout(real, holds, layout)
    way = [*(str(each) for each in reversed(Path(path).parents)), path]
    real_way = [*(str(each) for each in reversed(Path(real).parents)), real]
    return {
        "real": real,
        "holds": holds[:5],
        "ours": ours,
        "anothers_link": next((each for each in way if os.path.islink(each) and not _is_ours(each)), None),  # noqa: PTH114
        "anothers": next((each for each in real_way if not _is_ours(each)), None),
        "within": next((each for each in real_way[:-1] if _is_marked(each)), None),
    }


def exposed(paths: list[str], user: dict[str, Any] | None) -> str | None:
    """Find the first folder on the way to these paths in which the service user, or everybody, can put something else.

    Links are followed. Root runs programs at the end of such a way. None when there is no such folder, when we are not root,
    or that user is.
    """
    if os.geteuid() != 0 or user is None or not user["uid"]:
        return None
    steps = [step for path in paths for step in _steps(path)]
    writable = _writable([folder for folder, _ in steps], user)
    return next((folder for folder, name in steps if _is_exposed(folder, name, user["uid"], writable)), None)


def _steps(path: str) -> list[tuple[str, str]]:
    """List the folders on a path's way, and what is looked up in each; a folder at the end with no name."""
    steps: list[tuple[str, str]] = []
    here, waiting, links = "/", path.split("/")[::-1], 0
    while waiting:
        name = waiting.pop()
        if name == "..":
            here = os.path.dirname(here)  # noqa: PTH120
        if name in ("", ".", ".."):
            continue
        steps.append((here, name))
        found = os.path.join(here, name)  # noqa: PTH118
        links += os.path.islink(found)  # noqa: PTH114
        if os.path.islink(found) and links <= LINKS:  # noqa: PTH114
            target = os.readlink(found)  # noqa: PTH115
            here = "/" if target.startswith("/") else here
            waiting += target.split("/")[::-1]
        elif os.path.isdir(found):  # noqa: PTH112
            here = found
        else:  # a file, or what is not there
            return steps
    return [*steps, (here, "")]


def _is_exposed(folder: str, name: str, uid: int, writable: set[str]) -> bool:
    facts = os.stat(folder)  # noqa: PTH116
    if facts.st_uid == uid:  # who can give himself every right
        return True
    is_sticky = bool(facts.st_mode & stat.S_ISVTX)
    if not is_sticky:
        return folder in writable or bool(facts.st_mode & stat.S_IWOTH)
    with contextlib.suppress(OSError):
        return folder in writable and bool(name) and os.lstat(os.path.join(folder, name)).st_uid == uid  # noqa: PTH118
    return False


def _writable(folders: list[str], user: dict[str, Any]) -> set[str]:
    """Try as that user which folders can be written: by owner, group, or an access control list. All, if it cannot be tried."""
    said = _tried(user, lambda: [each for each in folders if os.access(each, os.W_OK | os.X_OK)])
    return set(folders if said is None else said)


def _tried(user: dict[str, Any] | None, attempt: Callable[[], list[str]]) -> list[str] | None:
    """Try something as that user in a child. None when there is no answer: that user may stop the child, as each of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _become(user)
            with open(writing, "wb") as answer:  # noqa: PTH123 - a descriptor
                answer.write(json.dumps(attempt()).encode("ascii"))
            os._exit(0)
        finally:
            os._exit(2)
    os.close(writing)
    said, end = b"", time.monotonic() + PROBE_TIMEOUT
    with open(reading, "rb", buffering=0) as answer:  # noqa: PTH123 - a descriptor
        while select.select([answer], [], [], max(0.0, end - time.monotonic()))[0] and (
            piece := answer.read(65536)
        ):
            said += piece
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        return list(json.loads(said))
    except ValueError:
        return None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names
    except OSError:  # it is not there, is no folder, or may not be looked into: said elsewhere
        return []


def _is_marked(folder: str) -> bool:
    with contextlib.suppress(OSError):
        facts = os.lstat(f"{folder}/{MARK}")
        return stat.S_ISREG(facts.st_mode) and facts.st_uid in (0, os.geteuid())
    return False


def _is_configured(root: str) -> bool:
    with contextlib.suppress(OSError):
        path = f"{root}/supervisor/supervisord.conf"
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            facts = os.fstat(descriptor)
            is_file = stat.S_ISREG(facts.st_mode) and facts.st_uid in (0, os.geteuid())
            return is_file and PLUGIN in file.read(CONF_MAX)
    return False


def _has_layout(root: str, holds: list[str], layout: dict[str, list[str]]) -> bool:
    """Tell whether the folder has nothing but what a deploy makes in it, in supervisord's folder, and in those of instances."""
    instances = [f"{root}/instances/{name}" for name in _names(f"{root}/instances")]
    return (
        bool({"supervisor", "instances"} & set(holds))
        and set(holds) <= set(layout["root"])
        and set(_names(f"{root}/supervisor")) <= set(layout["supervisor"])
        and all(os.path.isdir(each) and set(_names(each)) <= set(layout["instance"]) for each in instances)  # noqa: PTH112
    )


def _is_ours(path: str) -> bool:
    """Tell whether nobody but root and us can replace what stands there; what does not stand there is nobody's."""
    try:
        facts = os.lstat(path)
    except OSError:
        return True
    if facts.st_uid not in (0, os.geteuid()):
        return False
    if stat.S_ISLNK(facts.st_mode) or facts.st_mode & stat.S_ISVTX:
        return True
    return not (
        facts.st_mode & stat.S_IWOTH
        or (facts.st_mode & stat.S_IWGRP and facts.st_gid not in (0, os.getegid()))
    )


def _may_enter(folder: str, user: dict[str, Any] | None) -> bool | None:
    """Try as that user whether what lies in the folder can be reached; None when it is no folder, or we cannot try."""
    if not _may_become(user) or not os.path.isdir(folder):  # noqa: PTH112
        return None
    said = _tried(user, lambda: [folder] if os.access(folder, os.X_OK) else [])
    return None if said is None else said != []


def misplaced(wanted: dict[str, str]) -> list[dict[str, str]]:
    """List the paths where something else stands than the kind that is wanted there (folder, link or file)."""
    found = []
    for path, kind in wanted.items():
        is_kind = {"folder": os.path.isdir, "link": os.path.islink, "file": os.path.isfile}[kind]
        if os.path.lexists(path) and not is_kind(path):
            found.append({"path": path, "wanted": kind, "found": _kind(path)})
    return found


def _kind(path: str) -> str:
    if os.path.islink(path):  # noqa: PTH114
        return "link" if os.path.exists(path) else "broken link"  # noqa: PTH110
    return "folder" if os.path.isdir(path) else "file"  # noqa: PTH112


def socket_path_facts(path: str) -> dict[str, Any]:
    """Say whether a unix socket's path fits the kernel's limit (unix(7)), in bytes."""
    size = len(os.fsencode(path))
    return {"path": path, "bytes": size, "limit": UNIX_PATH_MAX, "fits": size <= UNIX_PATH_MAX}


class Question(NamedTuple):
    """What to gather facts of."""

    user: str | None = None  # the service user
    root: str | None = None  # the folder to install below, an absolute path
    listen: list[str] | None = None  # the socket URLs to be held
    pythons: list[str] | None = None  # interpreters to try beside those found
    socket_paths: list[str] | None = None  # unix sockets' paths to be measured
    supervisor: str | None = None  # supervisord's folder
    kinds: dict[str, str] | None = None  # paths, and what each is to be: folder, link or file
    layout: dict[str, list[str]] | None = (
        None  # what a deploy makes: names in the root, supervisord's folder, an instance's
    )


def gather(question: Question) -> dict[str, Any]:
    """Gather all facts."""
    supervisor = question.supervisor
    server = server_facts(supervisor) if supervisor else None
    user = user_facts(question.user, server["owner"] if server else None) if question.user else None
    tried_as = _tried_as(user)
    return {
        "euid": os.geteuid(),
        "user": user,
        "cores": core_facts(),
        "open_files": limit_facts(),
        "may": may_facts(),
        "network": network_facts(),
        "pythons": python_facts(question.pythons or [], tried_as),
        "listen": [listen_facts(url) for url in question.listen or []],
        "root": _root(question, tried_as),
        "socket_paths": [socket_path_facts(path) for path in question.socket_paths or []],
        "supervisor": server,
        "configured": configured_sockets(f"{supervisor}/conf.d") if supervisor else [],
        "misplaced": misplaced(question.kinds or {}),
    }


def _root(question: Question, user: dict[str, Any] | None) -> dict[str, Any] | None:
    if not question.root:
        return None
    facts = path_facts(question.root, user)
    if not question.layout:
        return facts
    folders = [
        path
        for path, kind in (question.kinds or {}).items()
        if kind == "folder" and not OF_THE_USER.search(path)
    ]
    own = exposed([question.root, *folders, f"{question.root}/supervisor/venv/bin/python"], user)
    return {**facts, **root_facts(question.root, question.layout), "exposed": own}


def question_of(text: str) -> Question:
    """Read a question from JSON. ValueError says what is wrong with it."""
    wanted = json.loads(text)
    if not isinstance(wanted, dict):
        raise ValueError("a JSON object is needed")  # noqa: TRY004 - one kind of error for one message
    unknown = set(wanted) - set(Question._fields)
    if unknown:
        raise ValueError("unknown: " + ", ".join(sorted(unknown)))
    if wanted.get("root") and not Path(wanted["root"]).is_absolute():
        raise ValueError(f"root is not an absolute path: {wanted['root']}")
    return Question(**wanted)


def probe(root: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that the question asks for, and what stands in `root` (see `Question`). CallError.

    `deployed` has the names of its instances; `installed` tells whether Mooring's own Python there can be run.
    """
    try:
        facts = gather(question_of(json.dumps(question)))
    except ValueError as problem:
        raise errors.CallError(f"the probe's question: {problem}") from problem
    there = Root(root)
    deployed, installed = there.instances(), os.access(there.python, os.X_OK)
    return {**facts, "changed": False, "deployed": deployed, "installed": installed}
