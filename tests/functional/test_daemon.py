"""supervisord from outside of its virtualenv: by another Python, found, cleared of an instance, ended."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socketserver
import subprocess
import sys
import threading
import xmlrpc.client
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import on_host
from mooring.host import lock, users
from mooring.host.daemon import Daemon, DaemonError
from support import bare
from support.places import SOURCES
from support.ports import free_port
from support.processes import alive, socket_inode
from support.supervisord import AS_SYSTEMD, Supervisord
from support.visitors import listening
from support.waiting import until

DAEMON = """
import json, sys
from pathlib import Path
from mooring.host import daemon, errors
one = daemon.Daemon(Path(sys.argv[1]), Path(sys.argv[2]))
try:
    print(json.dumps(getattr(one, sys.argv[3])(*sys.argv[4:-1], float(sys.argv[-1]))))
except errors.HostError as error:
    sys.exit(str(error))
"""


def daemon(supervisord: Supervisord, *words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Have it do that as on a host: sent to a Python that has nothing of ours; the last word is the timeout."""
    folder = supervisord.folder
    files = [folder / "supervisord.conf", folder / "supervisor.sock"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-", *map(str, [*files, *words])],
        input=on_host.together(DAEMON.lstrip(), "daemon"),
        env={},
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def said(supervisord: Supervisord, *words: object) -> Any:
    return json.loads(daemon(supervisord, *words).stdout)


class Liar(BaseHTTPRequestHandler):
    """Answers each call with the pid of another process."""

    def do_POST(self) -> None:
        answer = xmlrpc.client.dumps((self.server.pid,), methodresponse=True).encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """A unix socket's client has no address to log."""


def test_find_tells_whether_it_runs_and_refuses_one_that_does_not_answer(supervisord: Supervisord) -> None:
    supervisord.start()
    assert supervisord.process
    pid, conf = supervisord.process.pid, str(supervisord.folder / "supervisord.conf")
    assert said(supervisord, "find", 10) == pid
    control = supervisord.folder / "supervisor.sock"
    control.unlink()
    assert said(supervisord, "find", 10) == pid, "the control socket has been made again"
    control.rename(control.with_suffix(".away"))
    control.write_text("somebody's file")
    errors = daemon(supervisord, "find", 0.2, status=1).stderr
    assert f"supervisord (process {pid}) of {conf} runs and does not answer" in errors
    control.unlink()
    supervisord.process.terminate()
    supervisord.process.wait(30)
    assert said(supervisord, "find", 10) == 0


def test_clear_drops_one_instance_and_leaves_the_others(supervisord: Supervisord) -> None:
    for name in ("api-blue", "api-bootstrap", "api-two-blue", "apiary"):
        supervisord.program(name, f"tcp://127.0.0.1:{free_port()}")
    supervisord.start()
    (supervisord.folder / "conf.d/api-green.conf").write_text("")  # no group of supervisord's yet
    (supervisord.folder / "conf.d/api-bootstrap.conf").unlink()  # it runs without its file
    for name in ("api-clerk.conf", "api-clerk.conf.aside-1"):  # a folder for a file, with something in it
        (supervisord.folder / "conf.d" / name / "kept").mkdir(parents=True)
    (supervisord.folder / "conf.d/wrong.conf").write_text(
        "[program:wrong]\n"
    )  # somebody else's, and no command
    before = {row["group"]: row["pid"] for row in supervisord.rpc.supervisor.getAllProcessInfo()}
    assert said(supervisord, "clear", "api", 600) == [
        "api-blue",
        "api-bootstrap",
        "api-clerk",
        "api-green",
    ]
    after = {row["group"]: row["pid"] for row in supervisord.rpc.supervisor.getAllProcessInfo()}
    assert after == {name: before[name] for name in ("api-two-blue", "apiary")}
    left = sorted(path.name for path in (supervisord.folder / "conf.d").glob("*.conf"))
    assert left == ["api-two-blue.conf", "apiary.conf", "wrong.conf"]
    aside = sorted((supervisord.folder / "conf.d").glob("api-clerk.conf.aside-*"))
    assert [(path / "kept").is_dir() for path in aside] == [True, True]


def test_a_removal_waits_for_the_command_that_is_still_at_work(supervisord: Supervisord) -> None:
    """A reconcile that a dead deploy has left would add groups behind the removal."""
    root, folder = supervisord.folder / "root", supervisord.folder
    supervisor, home = root / "supervisor", root / "instances/api"
    (supervisor / "run").mkdir(parents=True)
    (home / "run").mkdir(parents=True)
    for name in ("conf.d", "supervisord.conf"):
        (supervisor / name).symlink_to(folder / name)
    supervisord.control = supervisor / "run/supervisor.sock"
    supervisord.configure()
    supervisord.start()
    arguments = {"root": str(root), "instance": "api", "drain_timeout": 60}
    command, asked = bare.request("instance.remove", arguments)
    with lock.changing(home / "lock", "", print):  # as each command does
        removing = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert removing.stdin
        assert removing.stdout
        removing.stdin.write(asked)
        removing.stdin.flush()
        assert b"waiting for the end of another command" in removing.stdout.readline()
        supervisord.program("api-blue", f"tcp://127.0.0.1:{free_port()}")
        supervisord.rpc.supervisor.reloadConfig()
        supervisord.rpc.supervisor.addProcessGroup("api-blue")
    told, _ = removing.communicate(timeout=60)
    assert removing.returncode == 0, told
    assert json.loads(told)["result"]["groups"] == ["api-blue"]
    assert supervisord.rpc.supervisor.getAllProcessInfo() == []
    assert not (folder / "conf.d/api-blue.conf").exists()
    assert not home.exists()
    again = bare.ask("instance.remove", arguments)
    assert again.result is not None, again.why
    assert (again.result["there"], again.result["groups"]) == (False, [])


def test_clear_without_supervisord_takes_the_files(supervisord: Supervisord) -> None:
    for name in ("api-blue", "api-two-blue"):
        supervisord.program(name, f"tcp://127.0.0.1:{free_port()}")
    assert said(supervisord, "clear", "api", 600) == ["api-blue"]
    assert [path.name for path in (supervisord.folder / "conf.d").iterdir()] == ["api-two-blue.conf"]


def test_shutdown_waits_until_it_has_ended_and_says_when_there_was_none(supervisord: Supervisord) -> None:
    supervisord.program("api-blue", f"tcp://127.0.0.1:{free_port()}")
    supervisord.start()
    assert supervisord.process
    pid = supervisord.process.pid
    (child,) = [row["pid"] for row in supervisord.rpc.supervisor.getAllProcessInfo()]
    (supervisord.folder / "supervisor.sock").unlink()  # it cannot be asked
    assert said(supervisord, "shutdown", 60) == pid
    assert not alive(pid)
    until(lambda: not alive(child), "its child has ended as well")
    assert said(supervisord, "shutdown", 60) == 0


def test_no_process_is_ended_because_the_control_socket_names_it(folder: Path) -> None:
    """Its folder is the service user's: an attacker in the application can answer there, and root asks."""
    (folder / "run").mkdir()
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    liar = socketserver.ThreadingUnixStreamServer(str(folder / "run/supervisor.sock"), Liar)
    liar.pid = victim.pid  # type: ignore[attr-defined]
    threading.Thread(target=liar.serve_forever, args=[0.05]).start()
    try:
        with pytest.raises(DaemonError, match=f"names process {victim.pid}. Nothing was ended"):
            Daemon(folder / "supervisord.conf").shutdown(5)
        assert victim.poll() is None
    finally:
        liar.shutdown()
        liar.server_close()
        victim.communicate(b"\n")
    assert victim.returncode == 0


def test_of_the_environment_that_it_was_started_in_no_process_gets_a_variable(
    supervisord: Supervisord,
) -> None:
    told = supervisord.folder / "told.json"
    script = supervisord.folder / "tell.py"
    script.write_text(
        f"import json, os, time\nopen('{told}.part', 'w').write(json.dumps(dict(os.environ)))\n"
        f"os.rename('{told}.part', '{told}')\ntime.sleep(600)\n"
    )
    supervisord.program("teller", f"tcp://127.0.0.1:{free_port()}", f"{sys.executable} {script}")
    supervisord.environ |= {
        "SECRET_OF_THE_SHELL": "x",
        "HOME": "/root/of/somebody",
        "LC_ALL": "C",
        "INVOCATION_ID": "1",
    }
    supervisord.start()
    until(told.exists, "the program has told its environment")
    found = json.loads(told.read_text())
    assert "SECRET_OF_THE_SHELL" not in found
    assert found["HOME"] != "/root/of/somebody"
    own = {name for name in found if not name.startswith(("SUPERVISOR_", "PYTHON"))}
    assert own <= {"HOME", "USER", "LOGNAME", "PATH", "LANG"}
    assert {"PATH", "LANG"} <= own


def test_the_supervisord_of_another_root_is_not_ours(folder: Path) -> None:
    """The path of its configuration ends in ours: of /mooring and /srv/mooring, say. A removal would have ended it."""
    pidfile, conf = folder / "supervisord.pid", folder / "supervisord.conf"
    conf.write_text(f"[supervisord]\nnodaemon=true\nlogfile={folder}/log\npidfile={pidfile}\nminfds=64\n")
    for words in (["-c", str(conf)], [f"--configuration={conf}"]):  # by mooring.start, by systemd
        pidfile.unlink(missing_ok=True)
        program = Path(sys.prefix) / "bin/supervisord"
        started = subprocess.Popen([program, *words], cwd="/", stdout=subprocess.DEVNULL)
        try:
            until(pidfile.exists, "supervisord runs")
            assert Daemon(conf).process() == started.pid
            assert Daemon(Path(f"/{folder.name}/supervisord.conf")).process() == 0
        finally:
            started.terminate()
            started.wait(30)


CARELESS = """
import os, signal, sys
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGHUP])
os.dup2(1, 77)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_supervisord_starts_with_nothing_of_who_starts_it(folder: Path) -> None:
    """Signals that are ignored or blocked, descriptors, the folder, variables: `nohup make deploy &` has all of them."""
    pidfile = folder / "supervisord.pid"
    conf = folder / "supervisord.conf"
    conf.write_text(f"[supervisord]\nnodaemon=true\nlogfile={folder}/log\npidfile={pidfile}\nminfds=64\n")
    user = pwd.getpwuid(os.geteuid()).pw_name
    words = [sys.executable, "-m", "mooring.start", "--user", user, "--conf", str(conf)]
    environment = {"PYTHONPATH": SOURCES, "FOO": "bar"}
    starter = subprocess.Popen(
        [sys.executable, "-c", CARELESS, *words], env=environment, cwd=folder, stdout=subprocess.DEVNULL
    )
    try:
        until(pidfile.exists, "supervisord runs")
        proc = Path(f"/proc/{starter.pid}")
        masks = dict(
            line.split(":\t") for line in (proc / "status").read_text().splitlines() if line.startswith("Sig")
        )
        assert int(masks["SigBlk"], 16) == 0
        assert not int(masks["SigIgn"], 16) & 1 << (signal.SIGUSR1 - 1)
        assert not (proc / "fd/77").exists()
        assert (proc / "cwd").readlink() == Path("/")
        found = dict(entry.split("=", 1) for entry in (proc / "environ").read_text().split("\0") if entry)
        assert found == users.environment_of(os.geteuid())
    finally:
        starter.terminate()
        starter.wait(30)


def test_a_service_has_the_sockets_of_systemd_and_nothing_of_its_environment(folder: Path) -> None:
    """`systemctl import-environment` in a shell of root's hands its variables to each service that starts from then on."""
    pidfile, conf = folder / "supervisord.pid", folder / "supervisord.conf"
    conf.write_text(f"[supervisord]\nlogfile={folder}/log\npidfile={pidfile}\nminfds=64\n")
    user = pwd.getpwuid(os.geteuid()).pw_name
    words = [sys.executable, "-m", "mooring.start", "--service", "--user", user, "--conf", str(conf)]
    environment = {"PYTHONPATH": SOURCES, "TOKEN": "x", "INVOCATION_ID": "1", "LD_PRELOAD": ""}
    with listening(free_port()) as passed:
        command = [sys.executable, "-c", AS_SYSTEMD, str(passed.fileno()), sys.executable, "-c", CARELESS]
        starter = subprocess.Popen(
            [*command, *words], env=environment, pass_fds=[passed.fileno()], stdout=subprocess.DEVNULL
        )
        try:
            until(pidfile.exists, "supervisord runs")
            proc = Path(f"/proc/{starter.pid}")
            assert pidfile.read_text().strip() == proc.name, "it has become no daemon"
            found = dict(entry.split("=", 1) for entry in (proc / "environ").read_text().split("\0") if entry)
            told = {"LISTEN_PID": proc.name, "LISTEN_FDS": "1"}
            assert found == {**users.environment_of(os.geteuid()), **told}
            assert socket_inode(starter.pid, 3) == str(os.fstat(passed.fileno()).st_ino)
            assert not (proc / "fd/77").exists()
            assert Daemon(conf).process() == starter.pid
        finally:
            starter.terminate()
            starter.wait(30)


@pytest.mark.parametrize("told", [{"LISTEN_FDS": "75"}, {"LISTEN_PID": "1", "LISTEN_FDS": "75"}])
def test_of_sockets_that_are_another_process_s_no_service_has_any(folder: Path, told: dict[str, str]) -> None:
    pidfile, conf = folder / "supervisord.pid", folder / "supervisord.conf"
    conf.write_text(f"[supervisord]\nlogfile={folder}/log\npidfile={pidfile}\nminfds=64\n")
    user = pwd.getpwuid(os.geteuid()).pw_name
    words = [sys.executable, "-m", "mooring.start", "--service", "--user", user, "--conf", str(conf)]
    starter = subprocess.Popen(
        [sys.executable, "-c", CARELESS, *words],
        env={"PYTHONPATH": SOURCES, **told},
        stdout=subprocess.DEVNULL,
    )
    try:
        until(pidfile.exists, "supervisord runs")
        assert not Path(f"/proc/{starter.pid}/fd/77").exists()
        assert "LISTEN_" not in Path(f"/proc/{starter.pid}/environ").read_text()
    finally:
        starter.terminate()
        starter.wait(30)
