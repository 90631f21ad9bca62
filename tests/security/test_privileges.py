"""Nothing of a release is executed with other rights than the service user's, and nothing of who deploys reaches it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mooring.host import users
from support.intruder import KEY, TOKEN, Host, run_in
from support.processes import open_files

PLAYBOOKS = ["verify", "restart"]
PROGRAMS = {"-m mooring.bootstrap", "-m mooring.worker", "-m mooring.companion", "-c import greeter"}
OF_THE_USER = {"HOME", "USER", "LOGNAME", "PATH", "LANG"}


def program(start: dict[str, Any]) -> str:
    return " ".join(start["argv"][1:3])


def test_no_python_of_a_release_starts_with_more_rights_than_the_service_user_s(host: Host) -> None:
    for playbook in PLAYBOOKS:
        done = host.site.run(f"playbooks/{playbook}.yml")
        assert done.returncode == 0, done.stdout
    starts, user = host.starts(), host.user
    assert user.pw_uid != 0
    assert {program(start) for start in starts} >= PROGRAMS
    for start in starts:
        assert start["uids"] == [user.pw_uid] * 3, start
        assert start["gids"] == [user.pw_gid] * 3, start
        assert sorted(start["groups"]) == sorted(os.getgrouplist(user.pw_name, user.pw_gid)), start
        assert int(start["capabilities"], 16) == 0, start
        assert start["no_new_privileges"] == "1", start
        assert start["core"] == [0, 0], start
        assert int(start["in_a_core"], 16) == 0, start


def test_no_requirement_of_the_application_is_executed_by_root(host: Host) -> None:
    """Neither its pip, when the release was installed, nor what Python or pip imports by a well-known name."""
    noted = [line.split(" ", 2) for line in host.noted()]
    assert {name for name, _, _ in noted} >= {"site"}, "the .pth file, which runs in site"
    assert [line for line in noted if line[1] != str(host.user.pw_uid)] == []
    assert not [line for line in noted if " 'install'," in line[2]]


def test_nothing_of_the_deployer_reaches_a_process_or_a_hook(host: Host) -> None:
    """Also after a reload, which starts all programs again; the first deploy had a token, a key and a terminal's folder."""
    before = len(host.starts())
    assert "Restarted supervisord" in host.site.control("reload")
    host.site.until(lambda: PROGRAMS - {"-c import greeter"} <= {program(s) for s in host.starts()[before:]})
    host.site.until(lambda: len(host.site.pids()) == len(host.processes))
    assert KEY in Path("/proc/keys").read_text(), "who deploys has the key"
    starts = host.starts()
    assert {program(start) for start in starts} >= PROGRAMS
    for start in starts:
        assert TOKEN not in json.dumps(start), start
        strange = {
            name
            for name in start["environ"]
            if not name.startswith(("MOORING_", "SUPERVISOR_", "GREET")) and name not in OF_THE_USER
        }
        assert strange <= {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}, start
        assert KEY not in start["keys"], start
        assert start["umask"] == 0o077, start
        assert not start["terminal"], start
        assert Path(start["folder"]).is_relative_to(host.site.home), start
        assert not [link for link in start["files"].values() if link and not _own(link, start)], start


def _own(link: str, start: dict[str, Any]) -> bool:
    """Tell whether a descriptor is the process's own: what it has opened itself until `site` runs."""
    return link.startswith((f"/proc/{start['pid']}/", "anon_inode:")) or link.endswith(
        ("/data/starts.jsonl", "/intruder.pth")
    )


def test_supervisord_has_nothing_of_the_deployer(host: Host) -> None:
    proc = Path(f"/proc/{host.pidfile.read_text().strip()}")
    environ = dict(each.split("=", 1) for each in (proc / "environ").read_text().split("\0") if each)
    assert environ == users.environment_of(host.user.pw_uid)
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
    assert set(status["Uid"].split()) == {str(host.user.pw_uid)}
    assert set(status["Gid"].split()) == {str(host.user.pw_gid)}
    groups = {int(each) for each in status["Groups"].split()}
    assert groups == set(os.getgrouplist(host.user.pw_name, host.user.pw_gid))
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {0}
    assert int(status["Umask"], 8) == 0o077
    assert status["NoNewPrivs"] == "1"
    assert (proc / "cwd").readlink() == Path("/")
    stat = (proc / "stat").read_text().rpartition(")")[2].split()
    assert stat[4] == "0", "it has no controlling terminal"
    assert stat[3] == proc.name, "it is the leader of a session of its own"
    links = open_files(int(proc.name)).values()
    own = (str(host.site.root), "/dev/null", "socket:", "pipe:", "anon_inode:")
    assert [link for link in links if not link.startswith(own)] == []


def test_supervisord_has_opened_nothing_as_root(host: Host) -> None:
    """What it has created before it became the service user would be root's."""
    opened = [host.site.root / "supervisor" / each for each in ("run/supervisord.pid", "run/supervisor.sock")]
    opened += [*(host.site.root / "supervisor/log").iterdir(), *(host.site.home / "log").iterdir()]
    assert {"supervisord.log", "supervisord.pid", "greeter-teller.err.log"} <= {path.name for path in opened}
    assert {path: path.lstat().st_uid for path in opened} == dict.fromkeys(opened, host.user.pw_uid)


# As the service user: what it may write, or may make so, since it is its own. A folder's links are the folder's matter.
WRITABLE = """
import json, os, sys
found = []
for folder, folders, files in os.walk(sys.argv[1]):
    for path in [os.path.join(folder, name) for name in [".", *folders, *files]]:
        if not os.path.islink(path) and (os.access(path, os.W_OK) or os.lstat(path).st_uid == os.getuid()):
            found.append(os.path.relpath(path, sys.argv[1]))
print(json.dumps(found))
"""


def test_the_service_user_may_write_in_run_log_and_data_alone(host: Host) -> None:
    done = subprocess.run(
        [shutil.which("python3", path=os.defpath) or sys.executable, "-I", "-c", WRITABLE, host.site.root],
        user=host.user.pw_uid,
        group=host.user.pw_gid,
        extra_groups=os.getgrouplist(host.user.pw_name, host.user.pw_gid),
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        timeout=60,
    )
    found = [Path(each) for each in json.loads(done.stdout)]
    instance, supervisor = Path("instances/greeter"), Path("supervisor")
    own = {instance / name for name in ("run", "log", "data")} | {
        supervisor / name for name in ("run", "log")
    }
    assert own <= set(found)
    assert [path for path in found if not own & {path, *path.parents}] == []


# What an attacker in a hook tries, with the terminal, the keys and the files of root's shell around the deploy.
HOOK = """
import ctypes, fcntl, json, os, sys, termios
def tried(attempt):
    try:
        return repr(attempt())
    except OSError as error:
        return f"refused: {error.strerror}"
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
print(json.dumps({
    "uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups(), "environ": dict(os.environ),
    "back": tried(lambda: os.setuid(0)), "no_new": status["NoNewPrivs"], "capabilities": status["CapPrm"],
    "ignored": int(status["SigIgn"], 16), "blocked": int(status["SigBlk"], 16), "folder": os.getcwd(),
    "files": sorted(int(each) for each in os.listdir("/proc/self/fd")),
    "terminal": tried(lambda: os.open("/dev/tty", os.O_RDWR)),
    "type": [tried(lambda: fcntl.ioctl(stream, termios.TIOCSTI, b"x")) for stream in (0, 1, 2)],
    "read": [tried(lambda: os.read(stream, 1)) for stream in (0, 2)],
    "again": tried(lambda: os.open("/proc/self/fd/2", os.O_RDWR)),
    "keys": open("/proc/keys").read(),
}))
"""
# Becomes the leader of a session on the terminal of its standard error, and starts a child of it as a shell would.
IN_A_TERMINAL = """
import fcntl, os, signal, sys, termios
os.setsid()
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
os.dup2(os.open("/etc/shadow", os.O_RDONLY), 77)
if (child := os.fork()) == 0:
    os.execv(sys.argv[1], sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_hook_has_neither_root_s_terminal_nor_its_keys_nor_its_files(host: Host) -> None:
    release = host.site.home / "releases" / host.site.live()["release"]
    root, terminal = os.openpty()
    words = [
        str(host.site.root / "supervisor/venv/bin/python"),
        "-I",
        "-m",
        "mooring.host.hook",
        "--release",
        str(release),
    ]
    words += ["--user", host.user.pw_name, "--", "python", "-c", HOOK]
    try:
        done = subprocess.run(
            [sys.executable, "-c", IN_A_TERMINAL, *words],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
            env={**os.environ, "DEPLOYERS_TOKEN": TOKEN},
            check=False,
            timeout=60,
        )
        os.set_blocking(root, False)
        said = os.read(root, 65536) if done.returncode else b""
        assert done.returncode == 0, said
    finally:
        os.close(root)
        os.close(terminal)
    found = json.loads(done.stdout)
    assert found["uids"] == [host.user.pw_uid] * 3
    assert found["gids"] == [host.user.pw_gid] * 3
    assert 0 not in found["groups"]
    assert (found["back"], found["no_new"]) == ("refused: Operation not permitted", "1")
    assert int(found["capabilities"], 16) == 0
    assert TOKEN not in json.dumps(found["environ"])
    assert (found["ignored"] & ~(PYTHON_IGNORES | LIBC_OWN), found["blocked"]) == (0, 0)
    assert found["folder"] == str(release)
    assert found["files"] == [0, 1, 2, 3], "3 is the folder that was listed"
    assert found["terminal"].startswith("refused: ")
    assert all(each.startswith("refused: ") for each in found["type"])
    assert found["read"][0] == "b''"
    assert found["read"][1].startswith("refused: ")
    assert found["again"].startswith("refused: ")
    assert KEY not in found["keys"]


PYTHON_IGNORES = 1 << 12 | 1 << 24  # SIGPIPE and SIGXFSZ: Python's own, in the hook's Python as well
# Signals 32 and 33 are glibc's own: no program can set them, and whoever starts the tests may ignore them.
LIBC_OWN = 1 << 31 | 1 << 32


def test_root_obeys_neither_the_folder_where_it_is_nor_its_environment(host: Host) -> None:
    """All playbooks of this suite have run there, too."""
    home, planted = host.site.root / "supervisor", host.site.folder
    executed = planted.parent / "executed"
    assert not executed.exists(), executed.read_text()
    tools = Path(sys.executable).parent
    for words in (
        [home / "venv/bin/mooringctl", "--help"],
        [home / "venv/bin/mooringctl", "verify", "--instance", "greeter"],
        [home / "venv/bin/supervisorctl", "-c", host.conf, "pid"],
        [home / "venv/bin/supervisord", "--version"],
        [tools / "supervisorctl", "-c", host.conf, "pid"],
    ):
        done = run_in(words, planted)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not executed.exists(), f"{words}: {executed.read_text()}"
    run_in([home / "venv/bin/python", "-m", "mooring.host.cli", "--help"], planted)
    assert executed.exists(), "that is what the attack can do"
    executed.unlink()
    link = planted.parent / "mooringctl"
    link.symlink_to(home / "venv/bin/mooringctl")
    assert run_in([link, "--help"], planted).stdout.startswith("Usage: mooringctl ")
    link.unlink()
