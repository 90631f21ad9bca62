"""What a target is refused for, by which command, and in which words."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml

from mooring.host import probe
from preflight import choice, chosen, notices, target, units
from preflight.host import CHECKS, OPEN_FILES, SPARE
from support.places import REPOSITORY

ROOM = 400 * 1024 * 1024
FACTS: dict[str, Any] = {
    "euid": 1000,
    "user": {"name": "api", "exists": True, "uid": 1000, "gid": 1000, "shared": False, "own_group": True, "comment": ""},
    "open_files": {"soft": 1024, "hard": 1_048_576},
    "network": {"addresses": ["127.0.0.1", "192.0.2.7"], "first_unprivileged_port": 1024},
    "pythons": [{"path": "/usr/bin/python3.9", "version": [3, 9, 2], "venv": False, "user_may_run": False, "exposed": None}],
    "listen": [{"url": "tcp://127.0.0.1:9001", "free": True, "error": None, "reason": None, "holder": None}],
    "root": {
        "path": "/opt/mooring", "exists": False, "nearest": "/opt", "is_folder": True, "broken_link": False, "writable": True,
        "read_only": False, "noexec": False, "free_bytes": ROOM, "closed": None,
        "real": "/opt/mooring", "holds": [], "ours": False, "anothers_link": None, "anothers": None, "exposed": None,
        "within": None,
    },
    "socket_paths": [{"path": "/x", "bytes": 2, "limit": 107, "fits": True}],
    "supervisor": {"pid": None, "user": None, "owner": None, "may": None},
    "may": {"privileges": True, "core_dumps": True},
    "configured": [],
    "misplaced": [],
}  # fmt: skip
WANTED: dict[str, Any] = {
    "host": "api1", "root": "/opt/mooring", "name": "greeter", "init": "background", "bind": "127.0.0.1",
    "url": "tcp://127.0.0.1:9001", "python": {"path": "/usr/bin/python3.13"}, "workers": 4, "companions": 1, "settings": {},
    "no_new_privileges": True, "core_dumps": False, "socket_unit": "", "systemd_error": "",
}  # fmt: skip


def told(command: str = "deploy", wanted: dict[str, Any] | None = None, **changed: Any) -> list[str]:
    facts = copy.deepcopy(FACTS)
    for name, value in changed.items():
        if isinstance(facts[name], dict):
            facts[name].update(value)
        else:
            facts[name] = [{**facts[name][0], **value}] if isinstance(value, dict) else value
    return target(facts, {**WANTED, **(wanted or {})}, command)


def at(host: str, port: int = 9001) -> dict[str, Any]:
    return {"bind": host, "url": f"tcp://{f'[{host}]' if ':' in host else host}:{port}"}


def taken(reason: str, error: str, **holder: Any) -> dict[str, Any]:
    return {"free": False, "reason": reason, "error": error, "holder": holder or None}


def test_the_facts_are_those_of_the_probe() -> None:
    facts = probe.gather(
        probe.Question(
            user="root",
            root="/x",
            listen=["tcp://127.0.0.1:1"],
            socket_paths=["/x"],
            supervisor="/x",
            layout={"root": [], "supervisor": [], "instance": []},
        )
    )
    assert facts.keys() - {"cores"} == FACTS.keys()
    for name in ("root", "supervisor", "network", "open_files"):
        assert facts[name].keys() == FACTS[name].keys()
    assert facts["listen"][0].keys() == FACTS["listen"][0].keys()


def test_the_role_asks_and_hands_over_what_is_known() -> None:
    site = yaml.safe_load((REPOSITORY / "roles/site/vars/main/main.yml").read_text())
    assert set(site["__site_question"]) <= set(probe.Question._fields)
    facts = {**FACTS, "pythons": [], "cores": {"available": 2}}
    assert set(chosen(facts, {**site["__site_wanted"], "workers": "cores"}, units.NONE)) == set(WANTED)
    commands = {
        path.stem
        for path in (REPOSITORY / "roles/site/tasks").glob("*.yml")
        if "site_command: " in path.read_text()
    }
    assert commands - {"user"} == set(CHECKS) - {"build"}


@pytest.mark.parametrize("command", sorted(CHECKS))
def test_a_fit_target(command: str) -> None:
    assert told(command) == []
    json.dumps(FACTS)


@pytest.mark.parametrize(
    ("changed", "wanted", "words"),
    [
        ({"user": {"exists": False}}, {}, 'service_user is "api" on api1: there is no such user. Create it, or name another.'),
        ({"user": {"uid": 0}}, {}, "nothing of Mooring runs as root. Name an ordinary user."),
        ({"euid": 7}, {}, 'only root can run processes as somebody else. Leave service_user on "auto", or deploy as root.'),
        ({"supervisor": {"pid": 5, "user": "bob", "owner": "bob"}}, {}, "runs as bob: a running supervisord cannot become"),
        ({"supervisor": {"owner": "bob"}}, {}, "belongs to bob"),
        ({"supervisor": {"owner": "bob"}}, {}, "give this instance a mooring_root of its own"),
        ({"euid": 0, "user": {"exists": False}, "supervisor": {"owner": "bob"}}, {}, "belongs to bob"),
        ({"supervisor": {"owner": "root"}}, {}, "As root: chown api /opt/mooring/supervisor/run."),
        ({}, {"python": {}}, "Found: /usr/bin/python3.9 (3.9.2, without venv, which api cannot run). Install one"),
        ({"root": {"is_folder": False}}, {}, "mooring_root is /opt/mooring, but /opt on api1 is no folder."),
        ({"root": {"broken_link": True}}, {}, "is a link to what is not there."),
        ({"root": {"read_only": True, "writable": False}}, {}, "is mounted read-only."),
        ({"root": {"noexec": True}}, {}, "is mounted noexec"),
        (
            {"root": {"holds": ["a", "b"]}}, {},
            "mooring_root is /opt/mooring, and on api1 that folder has a, b, and no file .mooring that says that it is"
            " Mooring's. Nothing in it is touched. Name a folder of its own, for example /opt/mooring/mooring.",
        ),
        ({"root": {"real": "/home/bob"}}, {}, "and on api1 that is /home/bob, a folder of the system."),
        ({"root": {"real": "/usr/lib"}}, {}, "and on api1 that is /usr/lib, a folder of the system."),
        (
            {"root": {"within": "/opt"}}, {},
            "and on api1 that is a folder in /opt, which is Mooring's too: a prune or a removal there would take it away.",
        ),
        ({"root": {"anothers_link": "/opt/x"}}, {}, "/opt/x is a link of another user, who could lead it elsewhere."),
        ({"root": {"writable": False}}, {}, "cannot be written."),
        (
            {"euid": 0, "root": {"exposed": "/opt"}}, {},
            "can put something else in the place of what lies in /opt on api1: programs that root runs. Take that right away",
        ),
        (
            {"pythons": [{"path": "/p/python3", "version": [3, 12, 1], "venv": True, "user_may_run": True, "exposed": "/p"}]},
            {"python": {}}, "/p/python3 (3.12.1, and api can put another in its place: see the rights of /p)",
        ),
        ({"root": {"closed": "/opt"}}, {}, "api cannot enter /opt on api1"),
        ({"root": {"free_bytes": 200 * 1024 * 1024}}, {}, "has 200 MiB left"),
        ({"socket_paths": {"fits": False}}, {}, "Choose a shorter mooring_root or api_name"),
        ({"misplaced": [{"path": "/l", "wanted": "link", "found": "folder"}]}, {}, "is a folder, and Mooring keeps a link"),
        # What nobody gets back
        (
            {"supervisor": {"pid": 5, "may": {"privileges": False, "core_dumps": True}}}, {"no_new_privileges": False},
            "no_new_privileges is false, and supervisord of /opt/mooring on api1 (process 5) was started without: it can never"
            " gain rights by sudo. End it,",
        ),
        (
            {"supervisor": {"pid": 5, "may": {"privileges": True, "core_dumps": False}}}, {"core_dumps": True},
            "it can never leave core files. End it, which closes the port for a moment, and run this again:",
        ),
        ({"may": {"core_dumps": False}}, {"core_dumps": True}, "may not leave core files itself (ulimit -Hc is 0)."),
        ({"may": {"privileges": False}}, {"no_new_privileges": False}, "may not gain rights by sudo itself"),
        # The port
        (
            {"listen": taken("EACCES", "Permission denied")}, at("127.0.0.1", 80),
            "api_port is 80, and on api1 only root can open a port below 1024",
        ),
        ({"euid": 0, "network": {"first_unprivileged_port": 100}}, at("127.0.0.1", 80), "or write a port from 100."),
        (
            {"listen": taken("EADDRNOTAVAIL", "x")}, at("9.9.9.9"),
            'bind is "9.9.9.9", which is no address of api1. Write one of its own (127.0.0.1, 192.0.2.7)',
        ),
        ({"listen": taken("EADDRNOTAVAIL", "x")}, at("::"), 'bind is "::", and api1 has no IPv6.'),
        ({"listen": taken("EAFNOSUPPORT", "x")}, at("::1"), "has no IPv6. Write 0.0.0.0"),
        (
            {"listen": taken("EADDRINUSE", "Address already in use", pid=9, command="nginx", text="process 9 (nginx)")}, {},
            "tcp://127.0.0.1:9001 on api1 cannot be opened: Address already in use; held by process 9 (nginx). Stop what",
        ),
        (
            {"listen": taken("EADDRINUSE", "Address already in use", pid=None, command=None, text="a process of user bob")}, {},
            "held by a process of user bob.",
        ),
        (
            {"listen": taken("EADDRINUSE", "x", pid=9, uid=1000, command="mooring: greeter companion x", text="process 9")}, {},
            "held by process 9",
        ),
        # Another user's process with our command line
        (
            {"listen": taken("EADDRINUSE", "x", pid=9, uid=7, command="mooring: greeter bootstrap", text="process 9")}, {},
            "held by process 9",
        ),
        (
            {"listen": taken("EADDRINUSE", "x", pid=9, uid=7, command="/p /opt/mooring/supervisor/x", text="process 9")}, {},
            "held by process 9",
        ),
        ({"configured": [{"file": "other-bootstrap.conf", "url": "tcp://0.0.0.0:9001"}]}, {}, "is the port of other, an"),
        (
            {"configured": [{"file": "greeter-bootstrap.conf", "url": "tcp://127.0.0.1:9001"}]}, at("0.0.0.0"),
            "bind is 0.0.0.0, and greeter on api1 listens at 127.0.0.1, port 9001: the same port cannot be opened at both"
            " addresses, and closing it first would refuse requests. Keep bind: 127.0.0.1, or deploy with another api_port",
        ),
        ({"configured": [{"file": "greeter-blue.conf", "url": "tcp://[::]:9001"}]}, {}, "listens at ::, port 9001"),
        # Limits
        ({"open_files": {"hard": 400}}, {}, "and 1128 are needed for MOORING_MAX_CONNECTIONS of 1000 and 4 workers."),
        ({"open_files": {"hard": 400}}, {}, "or lower it: worker_settings: {MOORING_MAX_CONNECTIONS: 272}."),
        ({"open_files": {"hard": 2000}}, {"workers": 256}, "or lower workers."),
    ],
)  # fmt: skip
def test_a_deploy_is_refused_in_one_sentence(
    changed: dict[str, Any], wanted: dict[str, Any], words: str
) -> None:
    (sentence,) = told("deploy", wanted, **changed)
    assert words in sentence


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        (
            {
                "listen": taken(
                    "EADDRINUSE", "x", pid=9, uid=1000, command="mooring: greeter blue 0 (django)", text=""
                )
            },
            {},
        ),
        (
            {
                "listen": taken(
                    "EADDRINUSE", "x", pid=9, uid=0, command="/p /opt/mooring/supervisor/x", text=""
                )
            },
            {},
        ),
        (
            {"euid": 0, "listen": taken("EADDRINUSE", "x", pid=1, uid=0, command="/sbin/init", text="")},
            {"init": "systemd", "socket_unit": "127.0.0.1:9001 (Stream)"},
        ),
        ({"euid": 0}, {"init": "systemd", **at("127.0.0.1", 80)}),
        ({"network": {"first_unprivileged_port": 0}}, at("127.0.0.1", 80)),
        ({"euid": 0, "user": {"exists": False}}, {}),  # root creates it
        ({"root": {"holds": ["instances", "notes.txt"], "ours": True}}, {}),
        ({"euid": 0, "supervisor": {"owner": "root"}}, {}),  # the deploy gives it back
        ({"configured": [{"file": "other-blue.conf", "url": "tcp://127.0.0.2:9001"}]}, {}),
        ({"configured": [{"file": "greeter-blue.conf", "url": "tcp://127.0.0.2:9001"}]}, {}),
        ({"configured": [{"file": "greeter-blue.conf", "url": "tcp://0.0.0.0:9002"}]}, {}),
        # Where it has been deployed, the role release asks for room when it has something to build
        (
            {
                "root": {"free_bytes": 0},
                "configured": [{"file": "greeter-blue.conf", "url": "tcp://127.0.0.1:9001"}],
            },
            {},
        ),
        ({"open_files": {"hard": 1128}}, {}),
        ({"open_files": {"hard": 400}}, {"settings": {"MOORING_MAX_CONNECTIONS": "272"}}),
        ({"open_files": {"hard": 400}, "euid": 0}, {"init": "systemd"}),  # its unit has a limit of its own
        ({"open_files": {"hard": None}}, {"workers": 256}),
        ({"supervisor": {"pid": 5, "may": {"privileges": False, "core_dumps": False}}}, {}),
        (
            {"supervisor": {"pid": 5, "may": {"privileges": True, "core_dumps": True}}},
            {"no_new_privileges": False, "core_dumps": True},
        ),
        # The unit starts it again
        (
            {"euid": 0, "supervisor": {"pid": 5, "may": {"privileges": False, "core_dumps": False}}},
            {"init": "systemd", "no_new_privileges": False, "core_dumps": True},
        ),
    ],
)
def test_a_deploy_goes_on(changed: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert told("deploy", wanted, **changed) == []


UNFIT = {
    "root": {"free_bytes": 0, "noexec": True},
    "listen": taken("EADDRINUSE", "x"),
    "supervisor": {"owner": "root"},
    "open_files": {"hard": 100},
    "socket_paths": {"fits": False},
}


@pytest.mark.parametrize("command", ["operate", "look", "remove"])
def test_other_commands_ask_for_less(command: str) -> None:
    assert len(told("deploy", {"python": {}}, **UNFIT)) == 7
    assert told(command, {"python": {}}, **UNFIT) == []
    broken = [{"path": "/l", "wanted": "link", "found": "folder"}]
    assert len(told(command, {"python": {}}, misplaced=broken)) == 1


@pytest.mark.parametrize(
    ("owner", "way"), [(None, "Leave service_user on"), ("nobody", "then deploy without service_user.")]
)
def test_a_deploy_as_a_user_of_many_programs_is_warned_of(owner: str | None, way: str) -> None:
    facts = {**FACTS, "user": {**FACTS["user"], "name": "nobody", "shared": True}}
    facts["supervisor"] = {"pid": None, "user": None, "owner": owner}
    (notice,) = notices(facts, WANTED, "deploy")
    assert "every other program of that user there can read their secrets and stop them. " in notice
    assert way in notice
    assert notices(facts, WANTED, "look") == []
    assert notices(FACTS, WANTED, "deploy") == []


@pytest.mark.parametrize("command", ["operate", "remove"])
def test_what_is_not_mooring_s_is_not_touched_by_other_commands_either(command: str) -> None:
    assert "Nothing in it is touched." in told(command, root={"holds": ["supervisor", "instances"]})[0]
    assert "a folder of the system" in told(command, root={"real": "/opt"})[0]


def test_a_folder_that_another_user_can_change_is_warned_of() -> None:
    facts = {**FACTS, "euid": 0, "root": {**FACTS["root"], "anothers": "/opt"}}
    (notice,) = notices(facts, WANTED, "deploy")
    assert (
        "/opt on api1 can be changed by other users than root, who can so replace what root runs there."
        in notice
    )
    assert notices({**facts, "euid": 1000}, WANTED, "deploy") == []


def test_no_command_works_as_another_user_than_the_one_that_runs() -> None:
    assert "belongs to bob" in told("operate", supervisor={"owner": "bob"})[0]


def test_what_cannot_become_the_service_user_cannot_operate() -> None:
    assert "only root" in told("operate", euid=7)[0]
    assert told("look", euid=7) == []
    assert "MiB left" in told("build", root={"free_bytes": 0})[0]


@pytest.mark.parametrize(
    ("hard", "wanted", "files"),
    [
        (None, {}, OPEN_FILES),
        (1_048_576, {}, OPEN_FILES),
        (4096, {}, 4096 - SPARE),
        (2000, {}, 2000 - SPARE),
        (400, {"init": "systemd"}, OPEN_FILES),
        (1_048_576, {"settings": {"MOORING_MAX_CONNECTIONS": 9000}}, 9064),
    ],
)
def test_open_files_follow_the_hard_limit(hard: int | None, wanted: dict[str, Any], files: int) -> None:
    from preflight import open_files

    assert open_files({**FACTS, "open_files": {"soft": 1024, "hard": hard}}, {**WANTED, **wanted}) == files


USABLE = {
    "path": "/usr/bin/python3.13", "version": [3, 13, 0], "implementation": "cpython", "libc": "glibc", "venv": True,
    "user_may_run": True, "exposed": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "wanted", "taken"),
    [
        ({}, "auto", True),
        ({"user_may_run": None}, "auto", True),
        ({}, "/usr/bin/python3.13", True),
        ({}, "/usr/bin/python3.12", False),
        ({"version": [3, 9, 9]}, "auto", False),
        ({"version": []}, "auto", False),
        ({"implementation": "pypy"}, "auto", False),
        ({"libc": "musl"}, "auto", False),
        ({"venv": False}, "auto", False),
        ({"user_may_run": False}, "auto", False),
        ({"exposed": "/usr/bin"}, "auto", False),
    ],
)
def test_a_python_is_chosen_that_will_do(changed: dict[str, Any], wanted: str, taken: bool) -> None:
    one = {**USABLE, **changed}
    facts = {"pythons": [{**USABLE, "version": [3, 9, 0]}, one, {**USABLE, "exposed": "/"}]}
    assert choice.python(facts, wanted) == (one if taken else {})


def test_workers_follow_the_cores_or_are_as_many_as_is_said() -> None:
    facts = {"cores": {"available": 3}}
    assert [choice.workers(facts, wanted) for wanted in ("cores", 5, "4")] == [3, 5, 4]


def test_what_systemd_says_of_the_units() -> None:
    both = (
        "Id=mooring.service\nActiveState=active\nUnitFileState=enabled\n\n"
        "Listen=0.0.0.0:9001 (Stream)\nId=mooring-api.socket\nActiveState=active\nUnitFileState=enabled"
    )
    assert units.read({"rc": 0, "stdout": both}) == units.Units("0.0.0.0:9001 (Stream)", serve=True)
    for broken in (both.replace("=active", "=inactive", 1), both.replace("=enabled", "=disabled", 1)):
        assert units.read({"rc": 0, "stdout": broken}) == units.Units("0.0.0.0:9001 (Stream)", serve=False)
    assert units.read({"rc": 1, "stdout": "", "stderr": "no bus\n"}) == units.Units(
        serve=False, error="no bus"
    )
    assert told(wanted={"init": "systemd", "systemd_error": "no bus"}) == [
        "init is systemd, but api1 was not booted with it (no bus). Set init: background."
    ]
