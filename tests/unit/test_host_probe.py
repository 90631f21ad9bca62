"""Facts of a target: what is asked, what is answered, and who holds an address."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import on_host
from mooring import casts, untrusted
from mooring.host import addresses, errors, folders, instance, probe, processes, pythons, users
from mooring.host.addresses import Address, holder_of, parse_url
from support.places import REPOSITORY, SOURCES

SCRIPT = Path(probe.__file__)


@pytest.fixture
def held() -> Iterator[tuple[str, int]]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()


def facts_of(root: Path, question: dict[str, object]) -> dict[str, Any]:
    """Ask as preflight does: by a program that is sent to a Python that knows nothing of ours."""
    program = on_host.bare_program("probe").encode()
    request = {"call": "probe", "arguments": {"root": str(root), "question": question}, "check": True}
    done = subprocess.run(
        [sys.executable, "-I", "-c", on_host.READ, str(len(program))],
        input=program + json.dumps(request).encode() + b"\n",
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == b""
    answer = json.loads(done.stdout)
    if done.returncode:
        raise errors.CallError(answer["refused"]["message"])
    return dict(answer["result"])


def test_what_the_script_says_again_since_it_imports_nothing_of_ours_is_the_same() -> None:
    variables = yaml.safe_load((REPOSITORY / "roles/site/vars/main/main.yml").read_text())
    assert variables["site_mark"] == folders.MARK
    assert (addresses.UNIX_PATH_MAX, folders.LINKS) == (untrusted.MAX_SOCKET_PATH, untrusted.LINKS)
    assert instance.COLOURS == casts.COLOURS


def test_all_facts_at_once(held: tuple[str, int], tmp_path: Path) -> None:
    me = pwd.getpwuid(os.geteuid())
    url = f"tcp://127.0.0.1:{held[1]}"
    wanted = {"user": me.pw_name, "root": str(tmp_path / "a" / "b"), "listen": [url], "socket_paths": ["/x"]}
    facts = facts_of(tmp_path / "a" / "b", wanted)
    assert (facts["changed"], facts["deployed"], facts["installed"]) == (False, [], False)
    assert facts["euid"] == os.geteuid()
    assert facts["user"]["uid"] == me.pw_uid
    assert facts["user"]["gid"] in facts["user"]["groups"]
    assert facts["listen"][0]["holder"]["pid"] == os.getpid()
    assert facts["root"]["nearest"] == str(tmp_path)
    assert facts["root"]["writable"] is True
    assert facts["root"]["exists"] is False
    assert facts["root"]["free_bytes"] > 0
    assert facts["socket_paths"] == [{"path": "/x", "bytes": 2, "limit": 107, "fits": True}]
    assert 1 <= facts["cores"]["available"] <= facts["cores"]["affinity"]
    found = {os.path.realpath(python["path"]): python for python in facts["pythons"]}
    ours = found[os.path.realpath(sys.executable)]
    assert ours["version"] == list(sys.version_info[:3])
    assert ours["implementation"] == "cpython"
    assert ours["venv"] is True
    assert ours["user_may_run"] is True
    assert facts["pythons"] == sorted(facts["pythons"], key=lambda python: python["version"], reverse=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"port": 1}, "unknown: port"),
        ({"root": "relative"}, "root is not an absolute path: relative"),
        ({"listen": ["tcp://x"]}, "tcp://x: not a socket URL; write tcp://host:port"),
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, arguments: dict[str, object], says: str) -> None:
    with pytest.raises(errors.CallError) as refusal:
        facts_of(tmp_path, arguments)
    assert says in str(refusal.value)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_a_user_who_does_not_exist() -> None:
    facts = probe.gather(probe.Question(user="no-such-user"))
    assert facts["user"]["exists"] is False
    if os.geteuid() != 0:
        assert {python["user_may_run"] for python in facts["pythons"]} == {None}


@needs_root
def test_a_user_who_is_yet_to_be_created_is_tried_as_a_stranger() -> None:
    with tempfile.TemporaryDirectory() as name:  # closed to all but root
        python = Path(name, "python3")
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        question = probe.Question(user="no-such-user", root=f"{name}/root", pythons=[str(python)])
        facts = probe.gather(question)
    assert facts["root"]["closed"] == name
    assert {**pythons.UNUSABLE, "path": str(python)} in facts["pythons"]


@needs_root
@pytest.mark.parametrize(
    ("owner", "user"), [(None, "mooring"), ("root", "mooring"), ("nobody", "nobody"), ("daemon", "mooring")]
)
def test_root_deploys_for_a_user_of_mooring_s_own_and_keeps_nobody_where_it_runs(
    owner: str | None, user: str
) -> None:
    assert users.user_facts("auto", owner)["name"] == user


@pytest.mark.skipif(os.geteuid() == 0, reason="for root it is another user")
def test_who_is_not_root_deploys_for_himself() -> None:
    assert users.user_facts("auto", "nobody")["uid"] == os.geteuid()


def test_nobody_is_shared_and_so_is_its_group() -> None:
    facts = users.user_facts("nobody")
    assert (facts["shared"], facts["own_group"]) == (True, False)
    assert users.user_facts("root")["shared"] is False


@pytest.mark.parametrize(
    ("group", "members", "others", "own"),
    [
        ("api", [], [], True),
        ("api", ["api"], [], True),
        ("users", [], [], False),  # the name of a group for many
        ("api", ["bob"], [], False),  # a member
        ("api", [], [("bob", 7)], False),  # another user's first group
        ("api", [], [("api2", 5)], True),  # the same user under another name
    ],
)
def test_whether_a_group_is_the_user_s_alone(
    monkeypatch: pytest.MonkeyPatch, group: str, members: list[str], others: list[tuple[str, int]], own: bool
) -> None:
    def user(name: str, uid: int) -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", uid, 50, "", "/", "/bin/false"))

    everybody = [user("api", 5), *(user(*each) for each in others)]
    monkeypatch.setattr(users.pwd, "getpwall", lambda: everybody)
    monkeypatch.setattr(users.pwd, "getpwnam", lambda _: everybody[0])
    monkeypatch.setattr(users.grp, "getgrgid", lambda _: users.grp.struct_group((group, "x", 50, members)))
    monkeypatch.setattr(users.os, "getgrouplist", lambda *_: [50])
    assert users.user_facts("api")["own_group"] is own


def test_a_python_that_cannot_be_run_is_named_and_never_chosen(tmp_path: Path) -> None:
    """For root, one in a folder that is closed to the service user; for others, one that is broken."""
    python = tmp_path / "python3.99"
    python.write_text(f'#!/bin/sh\ntest `id -u` = 0 && exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    found = {
        python["path"]: python
        for python in probe.gather(probe.Question(user=user, pythons=[str(python)]))["pythons"]
    }
    assert found[str(python)] == {**pythons.UNUSABLE, "path": str(python)}


# socket URLs


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("tcp://0.0.0.0:9001", Address(socket.AF_INET, "0.0.0.0", 9001)),
        ("tcp://Localhost:1", Address(socket.AF_INET, "localhost", 1)),
        ("tcp://[::1]:65535", Address(socket.AF_INET6, "::1", 65535)),
        ("tcp://[fe80::1%eth0]:80", Address(socket.AF_INET6, "fe80::1%eth0", 80)),
        ("unix:///run//api.sock", Address(socket.AF_UNIX, "/run/api.sock", 0)),
    ],
)
def test_urls(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://x:1",
        "tcp://:1",
        "tcp://x",
        "tcp://x:0",
        "tcp://x:65536",
        "tcp://::1:80",
        "unix://relative",
    ],
)
def test_wrong_urls(url: str) -> None:
    with pytest.raises(ValueError, match=f"^{url}: "):
        parse_url(url)


# holders


def me(inode: int | None = None) -> addresses.Holder:
    command = Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    shown = command if len(command) <= processes.COMMAND_MAX else command[: processes.COMMAND_MAX - 1] + "…"
    return addresses.Holder(inode or 0, os.geteuid(), os.getpid(), shown)


@pytest.mark.parametrize(
    ("bound", "asked", "clashes"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("::1", "::1", True),
        ("::1", "127.0.0.1", False),
        ("::1", "0.0.0.0", False),
        ("::", "0.0.0.0", True),
        ("0.0.0.0", "::", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
    ],
)
def test_who_holds_a_port(bound: str, asked: str, clashes: bool) -> None:
    family = socket.AF_INET6 if ":" in bound else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as holder:
        if bound == "::":
            holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if "ffff" in bound:
            holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        holder.bind((bound, 0))
        holder.listen()
        host = f"[{asked}]" if ":" in asked else asked
        found = holder_of(parse_url(f"tcp://{host}:{holder.getsockname()[1]}"))
        assert found == (me(os.fstat(holder.fileno()).st_ino) if clashes else None)
        if found:
            assert str(found) == f"process {os.getpid()} ({found.command})"


def test_who_holds_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(str(path))
        assert holder_of(parse_url(f"unix://{path}")) is None, "it does not listen yet"
        holder.listen()
        found = holder_of(parse_url(f"unix://{path}"))
        assert found is not None
        assert (found.pid, found.inode) == (os.getpid(), os.fstat(holder.fileno()).st_ino)
        assert addresses.listen_facts(f"unix://{path}")["free"] is False
    assert addresses.listen_facts(f"unix://{path}")["free"] is True


def test_a_holder_that_may_not_be_looked_into_has_at_least_a_user() -> None:
    assert str(addresses.Holder(1, 0, None, None)) == "a process of user root (as root, `ss -lxntp` names it)"
    assert str(addresses.Holder(1, None, None, None)).startswith("a process of another user")


def test_a_free_port_and_one_that_cannot_be(held: tuple[str, int]) -> None:
    assert addresses.listen_facts(f"tcp://127.0.0.2:{held[1]}") == {
        "url": f"tcp://127.0.0.2:{held[1]}", "free": True, "error": None, "reason": None, "holder": None,
    }  # fmt: skip
    foreign = addresses.listen_facts(f"tcp://198.51.100.1:{held[1]}")
    assert (foreign["error"], foreign["reason"]) == ("Cannot assign requested address", "EADDRNOTAVAIL")
    taken = addresses.listen_facts(f"tcp://127.0.0.1:{held[1]}")
    assert taken["reason"] == "EADDRINUSE"
    assert taken["holder"]["text"].startswith(f"process {os.getpid()} (")
    assert (
        "no-such-host.invalid is unknown" in addresses.listen_facts("tcp://no-such-host.invalid:80")["error"]
    )


def test_a_kernel_without_a_family_is_no_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = addresses.Address(45, "::1", 80)  # AF_MCTP stands for IPv6 in a kernel that has none
    monkeypatch.setattr(addresses, "parse_url", lambda _: missing)
    facts = addresses.listen_facts("tcp://[::1]:80")
    assert facts["reason"] == "EAFNOSUPPORT"


# Addresses, limits, and what stands where


def test_the_addresses_of_this_host() -> None:
    network = addresses.network_facts()
    assert "127.0.0.1" in network["addresses"]
    assert 0 <= network["first_unprivileged_port"] <= 65535
    for address in network["addresses"]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        if not address.startswith("fe80"):
            with socket.socket(family, socket.SOCK_STREAM) as one:
                one.bind((address, 0))


def test_the_limit_of_open_files(tmp_path: Path) -> None:
    program = "import json; from mooring.host import probe; print(json.dumps(probe.limit_facts()))"
    command = f"ulimit -Sn 300; ulimit -Hn 400; exec {sys.executable} -c '{program}'"
    environment = {"PYTHONPATH": SOURCES}
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, env=environment
    )
    assert json.loads(done.stdout) == {"soft": 300, "hard": 400}


def test_what_stands_where_something_else_should(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "broken").symlink_to("nowhere")
    wanted = {"file": "folder", "folder": "folder", "link": "folder", "broken": "folder", "absent": "folder"}
    found = folders.misplaced({str(tmp_path / name): kind for name, kind in wanted.items()})
    assert {Path(each["path"]).name: each["found"] for each in found} == {
        "file": "file",
        "broken": "broken link",
    }
    found = folders.misplaced({str(tmp_path / name): "link" for name in wanted})
    assert {Path(each["path"]).name: each["found"] for each in found} == {"file": "file", "folder": "folder"}


def test_a_folder_that_is_a_broken_link_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to("nowhere")
    facts = folders.path_facts(str(tmp_path / "broken/a"))
    assert (facts["nearest"], facts["broken_link"]) == (str(tmp_path / "broken"), True)
    (tmp_path / "file").touch()
    facts = folders.path_facts(str(tmp_path / "file/a"))
    assert (facts["nearest"], facts["is_folder"]) == (str(tmp_path / "file"), False)
    assert folders.path_facts("/proc/x")["writable"] is False or os.geteuid() == 0


@needs_root
def test_a_folder_on_the_way_that_the_service_user_cannot_enter(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:  # tmp_path lies below a folder of root's own
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed/inner").mkdir(parents=True)
        nobody = users.user_facts("nobody")
        assert folders.path_facts(f"{name}/closed/inner/root", nobody)["closed"] is None
        (folder / "closed").chmod(0o700)
        assert folders.path_facts(f"{name}/closed/inner/root", nobody)["closed"] == f"{name}/closed"
        assert folders.path_facts(f"{name}/closed/inner/root", users.user_facts("root"))["closed"] is None


LAYOUT = {
    "root": ["supervisor", "instances", ".mooring"],
    "supervisor": ["conf.d", "run", "supervisord.conf"],
    "instance": ["data", "live.json"],
}


def made(root: Path, *paths: str) -> dict[str, object]:
    """Make files (and folders, with / at the end) below a folder; what is told of it."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).mkdir() if path.endswith("/") else (root / path).touch()
    return folders.root_facts(str(root), LAYOUT)


@pytest.mark.parametrize(
    ("paths", "ours"),
    [
        ((), False),  # and it holds nothing
        (("lost+found/",), False),
        (("notes.txt",), False),
        ((".mooring", "notes.txt"), True),
        ((".mooring/", "notes.txt"), False),  # the mark is a file
        # What earlier deploys and removals have left, without a mark
        (("instances/api/data/db.sqlite3",), True),
        (("supervisor/conf.d/", "supervisor/run/"), True),
        (("supervisor/conf.d/", "instances/api/live.json", "lost+found/"), True),
        # What others have under the same names
        (("supervisor/etc/",), False),
        (("instances/photos/2026/",), False),
        (("instances/list.txt",), False),
        (("instances/api/live.json", "other/"), False),
        (("supervisor/supervisord.conf", "other/"), False),  # Debian's supervisor has such a file
    ],
)
def test_whose_a_folder_is(tmp_path: Path, paths: tuple[str, ...], ours: bool) -> None:
    facts = made(tmp_path, *paths)
    assert facts["ours"] is ours
    assert facts["holds"] == sorted({path.split("/")[0] for path in paths} - {"lost+found"})
    assert facts["real"] == str(tmp_path)


def test_a_deployment_from_before_there_was_a_mark_is_known_by_our_plugin(tmp_path: Path) -> None:
    assert made(tmp_path, "supervisor/supervisord.conf", "notes.txt")["ours"] is False
    conf = tmp_path / "supervisor/supervisord.conf"
    conf.write_bytes(b"supervisor.rpcinterface_factory" + folders.PLUGIN + b"\n")
    assert folders.root_facts(str(tmp_path), LAYOUT)["ours"] is True
    conf.rename(tmp_path / "elsewhere")
    conf.symlink_to("../elsewhere")
    assert folders.root_facts(str(tmp_path), LAYOUT)["ours"] is False


def test_the_plugin_s_line_is_that_of_the_template() -> None:
    template = REPOSITORY / "templates/supervisor/supervisord.conf.j2"
    assert folders.PLUGIN in template.read_bytes()


def test_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "site").symlink_to("disk")
    facts = made(tmp_path / "site", "notes.txt")
    assert (facts["real"], facts["anothers_link"]) == (str(tmp_path / "disk"), None)


@needs_root
def test_what_another_user_can_change_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    assert folders.root_facts(f"{tmp_path}/site", LAYOUT)["anothers"] is None
    (tmp_path / "site/.mooring").touch()
    os.chown(tmp_path / "site/.mooring", 65534, 65534)  # a mark of another user is none
    assert folders.root_facts(f"{tmp_path}/site", LAYOUT)["ours"] is False
    (tmp_path / "site").chmod(0o777)
    assert folders.root_facts(f"{tmp_path}/site/a", LAYOUT)["anothers"] == f"{tmp_path}/site"
    (tmp_path / "site").chmod(0o1777)
    assert folders.root_facts(f"{tmp_path}/site/a", LAYOUT)["anothers"] is None
    os.chown(tmp_path / "site", 65534, 0)
    assert folders.root_facts(f"{tmp_path}/site/a", LAYOUT)["anothers"] == f"{tmp_path}/site"
    (tmp_path / "link").symlink_to("site")
    os.lchown(tmp_path / "link", 65534, 65534)
    assert folders.root_facts(f"{tmp_path}/link/a", LAYOUT)["anothers_link"] == f"{tmp_path}/link"


def test_a_child_that_the_service_user_stops_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What root tries as that user is that user's process, and takes its signals."""
    monkeypatch.setattr(users, "become", lambda _: os.kill(os.getpid(), signal.SIGSTOP))
    monkeypatch.setattr(users, "ANSWER_TIMEOUT", 0.2)
    user = users.user_facts(pwd.getpwuid(os.geteuid()).pw_name)
    assert folders._may_enter(str(tmp_path), user) is None
    assert folders._writable([str(tmp_path)], user) == {str(tmp_path)}, "the worse is taken for true"


def test_a_folder_in_another_mooring_root_is_told(tmp_path: Path) -> None:
    (tmp_path / "site/instances/api/releases").mkdir(parents=True)
    inner = f"{tmp_path}/site/instances/api/releases/mooring"
    assert folders.root_facts(inner, LAYOUT)["within"] is None
    (tmp_path / "site" / folders.MARK).touch()
    assert folders.root_facts(inner, LAYOUT)["within"] == f"{tmp_path}/site"
    (tmp_path / "link").symlink_to("site/instances")
    assert folders.root_facts(f"{tmp_path}/link/x", LAYOUT)["within"] == f"{tmp_path}/site"
    assert folders.root_facts(f"{tmp_path}/site", LAYOUT)["within"] is None


def test_whose_a_supervisord_is(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    me = pwd.getpwuid(os.geteuid()).pw_name
    nobody = {"pid": None, "user": None, "may": None}
    assert processes.server_facts(str(tmp_path / "no")) == {**nobody, "owner": None}
    (run / "supervisord.pid").write_text(f"{os.getpid()}\n")
    assert processes.server_facts(str(tmp_path)) == {**nobody, "owner": me}
    command = [sys.executable, "-c", "print(flush=True); input()", f"{tmp_path}/supervisord.conf"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()  # just after the exec its command line is still empty
        (run / "supervisord.pid").write_text(f"{server.pid}\n")
        facts = {"pid": server.pid, "user": me, "owner": me, "may": processes.may_facts()}
        assert processes.server_facts(str(tmp_path)) == facts
        server.communicate(b"\n")
    (run / "supervisord.pid").write_text("nonsense")
    assert processes.server_facts(str(tmp_path))["pid"] is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it becomes another user")
def test_nothing_of_roots_environment_is_in_a_process_of_the_service_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who runs as that user reads /proc/PID/environ of each Python that is asked what it is."""
    monkeypatch.setenv("DEPLOYERS_TOKEN", "secret")
    user = {**users.user_facts("nobody"), "groups": []}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        python = Path(folder, "python3")
        told = {
            "path": str(python),
            "library": folder,
            "environment": "$(env)",
            "session": "$(ps -o sid= -p $$)",
        }
        python.write_text(f"#!/bin/sh\ncat << EOF | tr '\\n' ' '\n{json.dumps(told)}\nEOF\n")
        python.chmod(0o755)
        facts = pythons._ask(str(python), user)
    assert facts is not None
    names = {word.partition("=")[0] for word in facts["environment"].split() if "=" in word}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} <= set(users.environment_of(user["uid"]))
    assert int(facts["session"]) not in (0, os.getsid(0))


FACTS_OF_A_SUPERVISORD = """
import resource, sys
from mooring.host import errors, processes
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))  # an endless file ends this process, and not the host
print(processes.server_facts(sys.argv[1])["pid"])
"""


@pytest.mark.parametrize("kind", ["a FIFO", "a link to an endless file", "an endless file", "a folder"])
def test_whatever_the_service_user_puts_in_place_of_the_pid_file_is_not_waited_for(
    tmp_path: Path, kind: str
) -> None:
    (tmp_path / "run").mkdir()
    pidfile = tmp_path / "run/supervisord.pid"
    if kind == "a FIFO":
        os.mkfifo(pidfile)
    elif kind == "a link to an endless file":
        pidfile.symlink_to("/dev/zero")
    elif kind == "a folder":
        pidfile.mkdir()
    else:
        with pidfile.open("wb") as file:
            file.truncate(1 << 40)
    done = subprocess.run(
        [sys.executable, "-c", FACTS_OF_A_SUPERVISORD, str(tmp_path)],
        env={"PYTHONPATH": str(SCRIPT.parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "None\n", "")


GIVE_UP = """
import sys
from mooring import inherited
{}
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("given_up", "may"),
    [
        ("inherited.refuse_new_privileges()", {"privileges": False}),
        ("inherited.refuse_core_dumps()", {"core_dumps": False}),
    ],
)
def test_what_a_process_has_given_up_is_found(given_up: str, may: dict[str, bool]) -> None:
    command = [sys.executable, "-c", GIVE_UP.format(given_up)]
    environment = {"PYTHONPATH": SOURCES}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        assert processes.may_facts(str(process.pid)) == {**processes.may_facts(), **may}
        process.communicate(b"")


def test_what_the_program_files_listen_to(tmp_path: Path) -> None:
    (tmp_path / "api-blue.conf").write_text(
        "[fcgi-program:api-blue]\nsocket=tcp://127.0.0.1:9001\nsocket_backlog=9\n"
    )
    (tmp_path / "api-queue.conf").write_text("[program:api-queue]\ncommand=/bin/true\n")
    assert addresses.configured_sockets(str(tmp_path)) == [
        {"file": "api-blue.conf", "url": "tcp://127.0.0.1:9001"}
    ]
    assert addresses.configured_sockets(str(tmp_path / "no")) == []


# cores

V1 = "cpu,cpuacct/a/cpu.cfs_"


@pytest.mark.parametrize(
    ("group", "files", "quota"),
    [
        ("0::/", {}, None),
        ("0::/a/b", {"a/cpu.max": "150000 100000", "a/b/cpu.max": "max 100000"}, 1.5),
        ("0::/a/b", {"a/cpu.max": "400000 100000", "a/b/cpu.max": "50000 100000"}, 0.5),
        ("4:cpu,cpuacct:/a\n0::/", {V1 + "quota_us": "250000", V1 + "period_us": "100000"}, 2.5),
        ("4:cpu,cpuacct:/a\n3:memory:/a", {V1 + "quota_us": "-1", V1 + "period_us": "100000"}, None),
    ],
)
def test_cpu_quota(tmp_path: Path, group: str, files: dict[str, str], quota: float | None) -> None:
    (tmp_path / "cgroup").write_text(group + "\n")
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text + "\n")
    assert probe._cpu_quota(str(tmp_path / "cgroup"), str(tmp_path / "fs")) == quota


def test_a_folder_of_path_that_may_not_be_looked_into_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    (hidden / "bin").mkdir(parents=True)
    hidden.chmod(0)
    monkeypatch.setenv("PATH", str(hidden / "bin"))
    privileged = os.geteuid() == 0
    if privileged:  # root may look into everything
        os.seteuid(65534)
    try:
        found = pythons.python_facts([], None)
    finally:
        if privileged:
            os.seteuid(0)
        hidden.chmod(0o700)
    assert all(each["path"] for each in found)


# what root runs, and who can replace it

SERVICE = {"name": "service", "exists": True, "uid": 61236, "gid": 61236, "groups": [61236, 61237]}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it gives folders to other users")
@pytest.mark.parametrize(
    ("owner", "group", "mode", "is_exposed"),
    [
        (0, 0, 0o755, False),
        (SERVICE["uid"], 0, 0o755, True),
        (SERVICE["uid"], 0, 0o555, True),  # he can give himself the right
        (SERVICE["uid"], 0, 0o1755, True),  # the sticky bit holds for others
        (0, 61237, 0o775, True),
        (0, 61237, 0o1775, False),
        (0, 61238, 0o775, False),
        (61238, 61238, 0o755, False),  # another user: the deploy warns
        (0, 0, 0o777, True),
        (0, 0, 0o1777, False),
        (0, 61236, 0o707, True),  # everybody but he
    ],
)
@pytest.mark.parametrize("way", ["straight", "link", "link to a link", "unmade"])
def test_a_folder_on_the_way_that_the_service_user_can_change_is_found(
    owner: int, group: int, mode: int, is_exposed: bool, way: str
) -> None:
    with tempfile.TemporaryDirectory(prefix="mooring-way-") as name:
        base = Path(name)
        base.chmod(0o755)
        folder = base / "one"
        (folder / "two").mkdir(parents=True)
        os.chown(folder, owner, group)
        folder.chmod(mode)
        path = folder / "two" / "bin"
        if way == "link":
            (base / "link").symlink_to("one/two")
            path = base / "link/bin"
        elif way == "link to a link":
            (base / "three").mkdir()
            (base / "three/link").symlink_to("../one/link")
            (folder / "link").symlink_to(f"{base}/one/two")
            path = base / "three/link/bin"
        elif way == "unmade":
            path = folder / "unmade/two"
        assert folders.exposed([str(base), str(path)], SERVICE) == (str(folder) if is_exposed else None)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it gives folders to other users")
def test_in_a_sticky_folder_the_service_user_can_change_what_is_his() -> None:
    with tempfile.TemporaryDirectory(prefix="mooring-way-") as name:
        base = Path(name)
        base.chmod(0o1777)
        (base / "link").symlink_to("/usr")
        assert folders.exposed([f"{base}/link/bin"], SERVICE) is None
        os.lchown(base / "link", SERVICE["uid"], 0)
        assert folders.exposed([f"{base}/link/bin"], SERVICE) == str(base)


def test_whom_there_is_nothing_to_keep_from_is_told_nothing(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    me = {**SERVICE, "uid": 0 if os.geteuid() == 0 else os.geteuid()}
    assert folders.exposed([str(tmp_path)], me) is None
    assert folders.exposed([str(tmp_path)], None) is None
