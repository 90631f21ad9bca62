"""Facts of a host before anything is installed on it: its cores and limits, and what the modules for each kind of facts tell.

These are `addresses`, `folders`, `processes`, `pythons` and `users`. The playbooks send them with this one to a target that has
nothing but some Python, and run it there: all keep to Python 3.8's standard library and syntax. The runtime imports some of them
as well, for who holds an address and for the environment of a user's processes.

It changes nothing on the host; `gather` says what it tells.
"""

from __future__ import annotations

import json
import os
import re
import resource
from pathlib import Path
from typing import Any, NamedTuple

from mooring.host import addresses, errors, folders, processes, pythons, users
from mooring.host.instance import Root

OF_THE_USER = re.compile("/(run|log|data)$")  # folders in a mooring_root that are the service user's own


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
    server = processes.server_facts(supervisor) if supervisor else None
    user = users.user_facts(question.user, server["owner"] if server else None) if question.user else None
    tried_as = users.tried_as(user)
    return {
        "euid": os.geteuid(),
        "user": user,
        "cores": core_facts(),
        "open_files": limit_facts(),
        "may": processes.may_facts(),
        "network": addresses.network_facts(),
        "pythons": pythons.python_facts(question.pythons or [], tried_as),
        "listen": [addresses.listen_facts(url) for url in question.listen or []],
        "root": _root(question, tried_as),
        "socket_paths": [addresses.socket_path_facts(path) for path in question.socket_paths or []],
        "supervisor": server,
        "configured": addresses.configured_sockets(f"{supervisor}/conf.d") if supervisor else [],
        "misplaced": folders.misplaced(question.kinds or {}),
    }


def _root(question: Question, user: dict[str, Any] | None) -> dict[str, Any] | None:
    if not question.root:
        return None
    facts = folders.path_facts(question.root, user)
    if not question.layout:
        return facts
    made = [
        path
        for path, kind in (question.kinds or {}).items()
        if kind == "folder" and not OF_THE_USER.search(path)
    ]
    own = folders.exposed([question.root, *made, f"{question.root}/supervisor/venv/bin/python"], user)
    return {**facts, **folders.root_facts(question.root, question.layout), "exposed": own}


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
    for line in processes.lines(proc):
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


def limit_facts() -> dict[str, int | None]:
    """Tell how many files a process started here may have open (getrlimit(2)); None for no limit."""
    soft, hard = (
        None if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    return {"soft": soft, "hard": hard}
