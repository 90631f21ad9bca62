"""Users of a host: the service user, the environment of its processes, and what it may do, which is tried as that user.

The probe sends this to hosts that have nothing installed: Python 3.8's standard library and syntax. supervisord's start and
plugin use `environment_of`.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import select
import signal
import time
from collections.abc import Callable
from typing import Any

ANSWER_TIMEOUT = 20  # seconds for a child that has become that user to answer
PATH = (
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # as login(1) of Debian sets it for root
)
LANG = "C.UTF-8"  # the one locale with UTF-8 that every host has
SERVICE_USER = "mooring"  # whom a deploy as root runs processes as, when no user is named
SHARED_USER = "nobody"  # the user, and the group of the user, that belong to no program alone
OVERFLOW_ID = 65534  # the kernel's number for a user or group that it cannot name: it owns nothing


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


def environment_of(uid: int) -> dict[str, str]:
    """Compose the environment that a user's processes start with, whoever starts them, and from wherever."""
    environment = {"PATH": PATH, "LANG": LANG}
    with contextlib.suppress(KeyError):  # a number without a name has no home either
        user = pwd.getpwuid(uid)
        environment.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
    return environment


def user_name(uid: int) -> str:
    """Name a user by its number, for messages."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def tried_as(user: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return as whom root tries what the service user may do. One that does not exist yet has no rights of its own."""
    if user is None or user["exists"] or os.geteuid() != 0:
        return user
    return {**user, "exists": True, "uid": OVERFLOW_ID, "gid": OVERFLOW_ID, "groups": [OVERFLOW_ID]}


def may_become(user: dict[str, Any] | None) -> bool:
    """Tell whether a child of this process can run as that user: we are root, or that user."""
    return user is not None and user["exists"] and os.geteuid() in (0, user["uid"])


def become(user: dict[str, Any] | None) -> None:
    """Become the service user in a child that was just forked, if we are root and that user exists."""
    if user is not None and may_become(user) and os.geteuid() == 0:
        os.setgroups(user["groups"])
        os.setgid(user["gid"])
        os.setuid(user["uid"])


def tried(user: dict[str, Any] | None, attempt: Callable[[], list[str]]) -> list[str] | None:
    """Try something as that user in a child. None when there is no answer: that user may stop the child, as each of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become(user)
            with open(writing, "wb") as answer:  # noqa: PTH123 - a descriptor
                answer.write(json.dumps(attempt()).encode("ascii"))
            os._exit(0)
        finally:
            os._exit(2)
    os.close(writing)
    said, end = b"", time.monotonic() + ANSWER_TIMEOUT
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
