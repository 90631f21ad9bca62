"""What an application that was broken into leaves in its folders and says over its sockets does its reader no harm."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from mooring import removal, rpc, status_socket, texts, untrusted
from mooring.host import switch
from mooring.host.daemon import Daemon, DaemonError
from mooring.host.errors import HostError
from mooring.host.instance import Instance
from mooring.host.lastwords import last_words, marks_of
from mooring.host.server import Process, Server
from mooring.host.update import update
from mooring.untrusted import UntrustedError
from support.clients import served
from support.folders import short_folder

NOBODY = 65534
ME = os.geteuid()
SECRET = "root's own secret"
as_root = pytest.mark.skipif(ME != 0, reason="needs root: it makes files of another user")


# --- files -----------------------------------------------------------------------------------------------------


def a_link(log: Path, secret: Path) -> None:
    log.symlink_to(secret)


def a_hard_link(log: Path, secret: Path) -> None:
    log.hardlink_to(secret)


def a_link_for_a_folder(log: Path, secret: Path) -> None:
    log.parent.rmdir()
    (secret.parent / log.name).write_text(SECRET)
    log.parent.symlink_to(secret.parent)
    if ME == 0:
        os.lchown(log.parent, NOBODY, NOBODY)


def a_fifo(log: Path, _: Path) -> None:
    os.mkfifo(log)


def a_socket(log: Path, _: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(log))


def a_folder(log: Path, _: Path) -> None:
    log.mkdir()


def a_device(log: Path, _: Path) -> None:
    log.symlink_to("/dev/zero")


PLANTED = [a_link, a_hard_link, a_fifo, a_socket, a_folder, a_device]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The path of a log in a folder of the attacker's."""
    (tmp_path / "log").mkdir()
    return tmp_path / "log/api-blue-0.err"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/secret").write_text(SECRET)
    return tmp_path / "root/secret"


def words(log: Path, owner: int = ME) -> str:
    return last_words(Process("api-blue", "0", "BACKOFF", 0, 1, log, log_owner=owner))


@pytest.mark.parametrize("plant", PLANTED)
def test_of_a_log_that_is_no_plain_file_nothing_is_read_nor_waited_for(
    log: Path, secret: Path, plant: Callable[[Path, Path], None]
) -> None:
    plant(log, secret)
    said = words(log)
    assert said.startswith(f"api-blue:0: its log can't be read: {log}: ")
    assert SECRET not in said


@as_root
def test_no_link_of_another_user_is_followed_on_the_way(log: Path, secret: Path) -> None:
    a_link_for_a_folder(log, secret)
    assert f"a link of another user (number {NOBODY}) stands in its way" in words(log)
    os.lchown(log.parent, 0, 0)  # an operator's own: he may keep the folder on another disk
    assert SECRET in words(log)


def test_a_file_that_supervisord_names_and_that_is_not_its_users_is_not_read(secret: Path) -> None:
    """The path is supervisord's word, and it runs as the service user: it could name a file of root's."""
    assert "it belongs to another user" in words(secret, owner=ME + 1)
    assert SECRET in words(secret)


def test_the_end_of_a_huge_log_alone_is_read(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe end\n")
    assert words(log).endswith("  the end")


def test_no_escape_of_a_log_reaches_the_terminal_and_no_line_is_forged(log: Path) -> None:
    log.write_text(
        "\x1b]0;title\x07red \x1b[31m\x9b31m del\x7f \u202egnp\u2066 \rover\x0bforged\x85more\u2028most\ttab\n"
    )
    said = words(log)
    assert texts.plain(said, "\n\t") == said
    assert r"  \x1b]0;title\x07red \x1b[31m\x9b31m del\x7f \u202egnp\u2066" in said
    assert all(line.startswith("  ") for line in said.splitlines()[1:])


# --- sockets ---------------------------------------------------------------------------------------------------


@contextmanager
def answering(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[Path]:
    """Answer each client of a socket by `serve`, until the end."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with served(listener, serve):
            yield path


def sending(answer: bytes) -> Callable[[socket.socket], None]:
    def serve(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(answer)

    return serve


def endless(client: socket.socket) -> None:
    client.recv(65536)
    while True:
        client.sendall(b"x" * 65536)


def dripping(head: bytes) -> Callable[[socket.socket], None]:
    def serve(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(head)
        while True:
            client.sendall(b" ")
            time.sleep(0.02)

    return serve


ANSWER = {"ready": True, "state": "ready", "pid": 7, "release": "r1", "number": 0}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"[" * 500_000, "not a line of JSON"),
        (b'{"pid": ' + b"9" * 500_000 + b"}", "a number of too many digits"),
        (b'{"pid": NaN}', "NaN is no number"),
        (json.dumps({"x": eval("[" * 40 + "]" * 40)}).encode(), "too deeply nested"),  # noqa: S307 - brackets
        (json.dumps(ANSWER | {"pid": "1"}).encode(), "its pid is '1'"),
        (json.dumps(ANSWER | {"pid": -1}).encode(), "its pid is -1"),
        (json.dumps(ANSWER | {"pid": True}).encode(), "its pid is True"),
        (json.dumps(ANSWER | {"ready": "no"}).encode(), "its ready is 'no'"),
        (json.dumps(ANSWER | {"release": {"a": 1}}).encode(), "its release is {'a': 1}"),
        (json.dumps(ANSWER | {"state": "x" * 2000}).encode(), "its state is 'xxx"),
    ],
)
def test_an_answer_of_a_status_socket_that_is_none_is_refused(
    tmp_path: Path, answer: bytes, told: str
) -> None:
    with (
        answering(tmp_path / "s", sending(answer + b"\n")) as path,
        pytest.raises(status_socket.NoAnswerError) as refused,
    ):
        status_socket.ask(path, "ready", 30)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 500


def test_the_texts_of_an_answer_are_plain(tmp_path: Path) -> None:
    answer = ANSWER | {"state": "starting\nFAILED: \x1b[2J", "more": [{"\x9b": "\u202e"}]}
    with answering(tmp_path / "s", sending(json.dumps(answer).encode() + b"\n")) as path:
        told = status_socket.ask(path, "ready", 30)
    assert told["state"] == r"starting\nFAILED: \x1b[2J"
    assert told["more"] == [{r"\x9b": r"\u202e"}]


def test_an_endless_answer_and_one_that_drips_end(tmp_path: Path) -> None:
    with (
        answering(tmp_path / "s", endless) as path,
        pytest.raises(status_socket.NoAnswerError, match="it sends more than 1048576 bytes"),
    ):
        status_socket.ask(path, "ready", 30)
    with (
        answering(tmp_path / "t", dripping(b"{")) as path,
        pytest.raises(status_socket.NoAnswerError, match=r"no answer to 'ready' within 0\.3 s"),
    ):
        status_socket.ask(path, "ready", 0.3)


def test_a_link_to_another_socket_is_not_followed(tmp_path: Path) -> None:
    """To that of a container engine, say, which root may talk to."""
    with answering(tmp_path / "other", sending(b"{}\n")) as path:
        (tmp_path / "s").symlink_to(path)
        with pytest.raises(status_socket.NoAnswerError, match="it is a link, not a socket"):
            status_socket.ask(tmp_path / "s", "ready", 30)


@as_root
def test_whoever_listens_must_be_the_folders_owner(tmp_path: Path) -> None:
    with answering(tmp_path / "s", sending(json.dumps(ANSWER).encode() + b"\n")) as path:
        assert status_socket.ask(path, "ready", 30) == ANSWER
        os.chown(path, NOBODY, NOBODY)  # the folder is root's, and who listens is not the socket's owner
        with pytest.raises(status_socket.NoAnswerError, match="another user answers"):
            status_socket.ask(path, "ready", 30)
        os.chown(path, 0, 0)
        os.chown(tmp_path, NOBODY, NOBODY)
        with pytest.raises(status_socket.NoAnswerError, match="it belongs to another user"):
            status_socket.ask(path, "ready", 30)
        os.chown(path, NOBODY, NOBODY)
        with pytest.raises(
            status_socket.NoAnswerError, match=rf"another user answers \(number 0, not {NOBODY}\)"
        ):
            status_socket.ask(path, "ready", 30)


# --- supervisord ------------------------------------------------------------------------------------------------


def http(body: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), head, body)


def answer_of(value: Any) -> bytes:
    return http(xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode())


BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">%s]><methodResponse><params><param><value>
<string>&z;</string></value></param></params></methodResponse>""" % b"".join(
    b'<!ENTITY %c "%s">' % (new, b"&%c;" % old * 10)
    for old, new in zip(b"abcdefgh", b"bcdefghz", strict=True)
)
OUTSIDE = b"""<!DOCTYPE b [<!ENTITY z SYSTEM "file:///etc/passwd">]><methodResponse><params><param><value>
<string>&z;</string></value></param></params></methodResponse>"""
DEEP = b"<methodResponse><params><param>" + b"<value><array><data>" * 100_000
LONG = b"<methodResponse><params><param><value><int>" + b"9" * 1_000_000


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (http(BOMB), "it has a document type"),
        (http(OUTSIDE), "it has a document type"),
        (http(DEEP), "too deeply nested"),
        (http(LONG), "a number of too many digits"),
        (http(b"<methodResponse><params><param><value><base64>eA==</base64>"), "an element base64"),
        (http(b"<methodResponse/>"), "no XML-RPC"),
        (http(b"<a>"), "an element a"),
        (http(b"\xff\xfe"), "no XML-RPC"),
        (http(b""), "no XML-RPC"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n<", "no XML-RPC"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "the status 500"),
        (b"no \x1b[31m HTTP\r\n\r\n", r"no \x1b[31m HTTP"),
        (b"", "no HTTP"),
    ],
)
def test_what_is_no_answer_of_supervisords_is_refused(tmp_path: Path, sent: bytes, told: str) -> None:
    def serve(client: socket.socket) -> None:
        sending(sent)(client)
        client.shutdown(socket.SHUT_WR)

    with answering(tmp_path / "supervisor.sock", serve) as path, pytest.raises(HostError) as refused:
        Server(f"unix://{path}").call("supervisor.getState")
    assert told in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_supervisord_that_sends_for_ever_or_drips_is_not_read_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flood(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            client.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    with (
        answering(tmp_path / "s", flood) as path,
        pytest.raises(UntrustedError, match="more than 16777216 bytes"),
    ):
        rpc.call(path, "supervisor.getState", (), 60)
    monkeypatch.setattr("mooring.host.server.CALL_TIMEOUT", 0.3)
    with (
        answering(tmp_path / "t", dripping(b"HTTP/1.1 200 OK\r\nX: ")) as path,
        pytest.raises(HostError, match=r"has not answered for 0\.3 s"),
    ):
        Server(f"unix://{path}").call("supervisor.getState")


ROW = {
    "group": "api-blue",
    "name": "0",
    "statename": "RUNNING",
    "pid": 7,
    "exitstatus": 0,
    "stderr_logfile": "",
    "stdout_logfile": "",
    "spawnerr": "",
    "start": 0,
}


@pytest.mark.parametrize(
    "value",
    [
        "x",
        [1],
        [{}],
        [ROW | {"pid": "7"}],
        [ROW | {"pid": True}],
        [ROW | {"statename": "__class__"}],
        [ROW | {"start": {}}],
    ],
)
def test_rows_of_another_shape_are_no_answer(tmp_path: Path, value: Any) -> None:
    with (
        answering(tmp_path / "s", sending(answer_of(value))) as path,
        pytest.raises(HostError, match="what is no answer to it"),
    ):
        Server(f"unix://{path}").processes()


def test_what_supervisord_tells_is_plain_and_no_name_leads_out_of_the_folder(
    tmp_path: Path,
) -> None:
    rows = [
        ROW | {"group": "../../x"},
        ROW | {"name": "a/b"},
        ROW | {"spawnerr": "no\nFAILED: \x85\u202e \x7f"},
    ]
    with answering(tmp_path / "s", sending(answer_of(rows))) as path:
        (process,) = Server(f"unix://{path}").processes()
    assert process.spawn_error == r"no\nFAILED: \x85\u202e \x7f"
    fault = http(xmlrpc.client.dumps(xmlrpc.client.Fault(1, "no\u202e\nforged\x9b")).encode())
    with answering(tmp_path / "t", sending(fault)) as path, pytest.raises(HostError) as refused:
        update(Server(f"unix://{path}"), ["api-blue"], 1, print)
    assert texts.plain_lines(refused.value).splitlines() == [r"supervisor.reloadConfig: no\u202e\nforged\x9b"]


def test_of_a_file_that_supervisord_names_as_a_log_nothing_is_noted_unless_it_is_its_users(
    tmp_path: Path, secret: Path
) -> None:
    a_link(tmp_path / "log", secret)
    rows = [{"group": "api-blue", "stderr_logfile": str(tmp_path / "log"), "stdout_logfile": "../x"}]
    with answering(tmp_path / "s", sending(answer_of(rows))) as path:
        assert marks_of(Server(f"unix://{path}"), ["api-blue"]).logs == {str(tmp_path / "log"): [0, 0]}


def test_no_word_of_a_worker_leads_root_to_a_folder_of_the_applications(secret: Path) -> None:
    """What a worker says becomes the release that is live: root would copy its program files into supervisord's folder."""
    with short_folder() as home:
        (home / "supervisor/conf.d").mkdir(parents=True)
        evil = home / "data/evil"
        (evil / "companions").mkdir(parents=True)
        (home / "releases/r1").mkdir(parents=True)
        manifest = {"instance": "api", "workers": 1, "release": "r1"}
        for folder in (evil, home / "releases/r1"):
            (folder / "release.json").write_text(json.dumps(manifest))
        for name in ("bootstrap", "blue"):
            (home / f"releases/r1/{name}.conf").write_text(f"; {name} of r1\n")
            (evil / f"{name}.conf").symlink_to(secret)
        (evil / "companions/more.conf").write_text("[supervisord]\nuser=root\n")
        (home / "live.json").write_text(json.dumps({"colour": "blue", "release": "r1", "previous": ""}))
        (home / "run").mkdir()
        row = ROW | {"pid": os.getpid()}
        said = ANSWER | {"pid": os.getpid(), "release": "../data/evil"}
        with (
            answering(home / "s", sending(answer_of([row]))) as control,
            answering(home / "run/api-blue-0.sock", sending(json.dumps(said).encode() + b"\n")),
            # It has been repaired by then; this supervisord cannot answer what comes next.
            pytest.raises(HostError, match="answers with what is no list of groups"),
        ):
            switch.plan(Instance("api", home, home / "supervisor/conf.d", control), "", 0, repairs=True)
        found = {path.name: path.read_text() for path in (home / "supervisor/conf.d").iterdir()}
        assert found == {"api-blue.conf": "; blue of r1\n", "api-bootstrap.conf": "; bootstrap of r1\n"}
        assert json.loads((home / "live.json").read_text())["release"] == "r1"


# --- processes --------------------------------------------------------------------------------------------------


@contextmanager
def sleeper(**options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def test_a_signal_reaches_a_process_of_that_user_alone() -> None:
    with sleeper() as process:
        assert not untrusted.send_signals(process.pid, {ME + 1}, signal.SIGKILL)
        assert process.poll() is None
        assert untrusted.send_signals(process.pid, {ME}, signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
    for pid in (process.pid, 0, -1, 1 << 30):
        assert not untrusted.send_signals(pid, {ME}, signal.SIGTERM)


@pytest.mark.parametrize("pid", [-1, 0, "1", True, 1 << 30])
def test_a_pid_that_is_none_of_its_users_is_not_believed(tmp_path: Path, pid: Any) -> None:
    """Root would have sent SIGTERM to -1, which is all processes."""
    with answering(tmp_path / "s", sending(answer_of(pid))) as path:
        daemon = Daemon(tmp_path / "supervisord.conf", path)
        assert daemon.find(0) == 0  # none runs with this configuration, and nobody else is believed
        with pytest.raises(DaemonError, match="Nothing was ended"):
            daemon.shutdown(1)


@as_root
def test_root_ends_no_process_of_its_own_because_the_service_user_says_so(tmp_path: Path) -> None:
    """A supervisord of the service user's that answers with the pid of a process of root's."""
    folder = tmp_path / "run"
    folder.mkdir()
    for path in (tmp_path, *tmp_path.parents):
        path.chmod(path.stat().st_mode | 0o011)
    os.chown(folder, NOBODY, NOBODY)
    with sleeper() as victim:
        script = (
            "import socket, sys\nlistener = socket.socket(socket.AF_UNIX)\nlistener.bind(sys.argv[1])\nlistener.listen()\n"
            "print('listens', flush=True)\nwhile True:\n    client = listener.accept()[0]\n    client.recv(65536)\n"
            "    client.sendall(bytes.fromhex(sys.argv[2]))\n    client.close()\n"
        )
        liar = subprocess.Popen(
            ["/usr/bin/env", "python3", "-c", script, str(folder / "s"), answer_of(victim.pid).hex()],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert liar.stdout
            assert liar.stdout.readline() == "listens\n"
            daemon = Daemon(tmp_path / "supervisord.conf", folder / "s")
            with pytest.raises(
                UntrustedError, match=f"it says that it is process {victim.pid}, which is none"
            ):
                daemon._told()
            with pytest.raises(DaemonError, match="Nothing was ended"):
                daemon.shutdown(1)
            assert victim.poll() is None
        finally:
            liar.kill()
            liar.communicate(timeout=30)


# --- removal ----------------------------------------------------------------------------------------------------


def test_a_tree_of_any_depth_is_removed(tmp_path: Path) -> None:
    """Deeper than Python recurses, than a path may be long, and than a process may have files open."""
    top = tmp_path / "data"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for number in range(6000):
        name = f"folder {number}"
        os.mkdir(name, dir_fd=here)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    assert removal.remove_tree(top)
    assert not top.exists()
    assert not removal.remove_tree(top)


def test_no_link_is_followed_while_somebody_exchanges_folders_for_links(tmp_path: Path) -> None:
    """An application that goes on to run, or another process of its user, swaps each folder for a link and back."""
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "inner/kept").write_text(SECRET)
    outside.chmod(0o555)
    ended = threading.Event()

    def swap(folder: Path) -> None:
        while not ended.is_set():
            for step in (
                lambda: folder.rename(folder.with_name("aside")),
                lambda: folder.symlink_to(outside),
                folder.unlink,
                lambda: folder.with_name("aside").rename(folder),
            ):
                with suppress(OSError):
                    step()

    thread = threading.Thread(target=swap, args=(tmp_path / "data/folder",))
    for _ in range(30):
        with suppress(OSError):  # it is disturbed all the time
            (tmp_path / "data/folder/inner/deep").mkdir(parents=True, exist_ok=True)
            (tmp_path / "data/folder/inner/deep/file").write_text("")
        if not thread.is_alive():
            thread.start()
        with suppress(OSError):
            removal.remove_tree(tmp_path / "data")
    ended.set()
    thread.join(30)
    assert not thread.is_alive()
    assert (outside / "inner/kept").read_text() == SECRET
    assert stat.S_IMODE(outside.stat().st_mode) == 0o555


@as_root
def test_a_hard_link_to_a_file_of_roots_in_a_tree_changes_nothing_of_it(tmp_path: Path, secret: Path) -> None:
    secret.chmod(0o400)
    (tmp_path / "data").mkdir()
    a_hard_link(tmp_path / "data/x", secret)
    os.mkfifo(tmp_path / "data/fifo")
    (tmp_path / "data/link").symlink_to(secret.parent)
    os.chown(tmp_path / "data", NOBODY, NOBODY)
    assert removal.remove_tree(tmp_path / "data")
    assert (secret.read_text(), stat.S_IMODE(secret.stat().st_mode), secret.stat().st_uid) == (
        SECRET,
        0o400,
        0,
    )


ENDLESS_WORDS = """
import ctypes, struct, sys
fields = open("/proc/self/stat").read().rpartition(")")[2].split()
at = dict(zip(range(3, 60), map(int, [0, *fields[1:]])))  # by their numbers in proc_pid_stat(5)
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
size = 1 << 36
# PROT_READ; MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE: no page of it takes memory
mine = libc.mmap(None, ctypes.c_size_t(size), 1, 0x4022, -1, ctypes.c_long(0))
libc.sbrk.restype = ctypes.c_void_p
brk = libc.sbrk(ctypes.c_long(0))
# struct prctl_mm_map of linux/prctl.h: what /proc shows as the command line, and as the environment
told = [at[26], at[27], at[45], at[46], at[47], brk, at[28], mine, mine + size, mine, mine + size, 0]
done = libc.prctl(35, 14, struct.pack("12QIi", *told, 0, -1), ctypes.c_ulong(104), 0)
print(ctypes.get_errno() if done else 0, flush=True)
sys.stdin.read()
"""
OF_OTHERS = """
import resource, sys
from pathlib import Path
from mooring import family
from mooring.host import processes
from mooring.host.daemon import Daemon
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
pid = int(sys.argv[1])
print(Daemon(Path("/no/supervisord.conf")).process(), len(processes.command(pid)) <= processes.COMMAND_MAX)
print([one for one in family.orphans("mooring: no", {"MOORING_INSTANCE": "no"}, owner=int(sys.argv[2])) if one.pid == pid])
"""


@pytest.mark.parametrize("user", [ME, pytest.param(NOBODY, marks=as_root)])
def test_a_process_with_an_endless_command_line_is_not_read_to_its_end(user: int) -> None:
    rights = {} if user == ME else {"user": user, "group": user, "extra_groups": []}
    python = "/usr/bin/python3" if user != ME and Path("/usr/bin/python3").exists() else sys.executable
    with subprocess.Popen(
        [python, "-I", "-c", ENDLESS_WORDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", **rights
    ) as one:
        assert one.stdout is not None
        said = int(one.stdout.readline())
        try:
            if said:
                pytest.skip(f"this kernel has no PR_SET_MM_MAP: {os.strerror(said)}")
            done = subprocess.run(
                [sys.executable, "-c", OF_OTHERS, str(one.pid), str(user)],
                env={"PYTHONPATH": str(Path(untrusted.__file__).parents[1])},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        finally:
            one.kill()
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 True\n[]\n", "")


def test_a_fifo_for_a_file_that_is_read_whole_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(UntrustedError, match="it is a FIFO, not a file"):
        untrusted.read_any(tmp_path / "manifest.json")
