"""What supervisord and its processes give up, as the section of the plugin says, whoever has started them."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ports import free_port
from support.supervisord import Supervisord
from support.waiting import until

# Crashes as a bug in a C library does.
CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


def rights(pid: int | str) -> dict[str, str]:
    """Tell what a process may do."""
    proc = Path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
    limits = next(
        line for line in (proc / "limits").read_text().splitlines() if line.startswith("Max core file size")
    )
    return {
        "NoNewPrivs": status["NoNewPrivs"],
        "Umask": status["Umask"],
        "core": " ".join(limits.split()[4:6]),
        "in a core": (proc / "coredump_filter").read_text().strip(),
    }


def ask_for(server: Supervisord, **wanted: str) -> None:
    """Write lines into the section of the plugin, and the umask."""
    conf = server.folder / "supervisord.conf"
    lines = [f"{name} = {value}\n" for name, value in wanted.items()]
    section = "[rpcinterface:mooring]\n"
    text = conf.read_text().replace(section, section + "".join(lines))
    conf.write_text(text.replace("[supervisord]\n", "[supervisord]\numask = 027\n", 1))


def test_nothing_is_gained_and_no_core_is_left(each_supervisord: Supervisord) -> None:
    """Where the section says nothing, too."""
    ask_for(each_supervisord)
    each_supervisord.program("api-blue", f"tcp://127.0.0.1:{free_port()}")
    each_supervisord.start()
    for _ in range(2):  # and after a reload
        for pid in (each_supervisord.pid, *each_supervisord.pids("api-blue")):
            assert rights(pid) == {
                "NoNewPrivs": "1", "Umask": "0027", "core": "0 0", "in a core": "00000000",
            }  # fmt: skip
        each_supervisord.reload()


@pytest.fixture
def core_files() -> Iterator[None]:
    """Let this process, and what it starts, leave core files, as a careless hand would (ulimit -c unlimited)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.usefixtures("core_files")
def test_a_crash_leaves_no_core_file(supervisord: Supervisord) -> None:
    """Where the kernel writes it into the working folder (core_pattern), which can be written."""
    (supervisord.folder / "conf.d/crash.conf").write_text(
        f'[program:crash]\ncommand = {sys.executable} -c "{CRASH}"\ndirectory = {supervisord.folder}/run\n'
        "autorestart = false\nstartsecs = 0\n"
    )
    supervisord.start()
    until(lambda: supervisord.rpc.supervisor.getProcessInfo("crash")["statename"] == "EXITED", "it crashed")
    assert list((supervisord.folder / "run").iterdir()) == []


def test_what_an_application_needs_can_be_had(supervisord: Supervisord) -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    before = rights("self")
    ask_for(supervisord, no_new_privileges="false", core_dumps="true")
    supervisord.program("api-blue", f"tcp://127.0.0.1:{free_port()}")
    supervisord.start()
    limit = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    for pid in (supervisord.pid, *supervisord.pids("api-blue")):
        found = rights(pid)
        assert found["NoNewPrivs"] == before["NoNewPrivs"]
        assert found["core"] == f"{limit} {limit}"
        assert found["in a core"] == before["in a core"]
