"""Another local user gives a process of his own the command line, the name and the environment of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from mooring.host import processes
from mooring.host.daemon import Daemon
from support.intruder import STRANGER, Host, lookalike_of_supervisord


def test_a_deploy_is_not_kept_from_its_work_by_one_and_none_is_ended(host: Host) -> None:
    """One was there before the first deploy, with the command line that supervisord has had since."""
    daemon = Daemon(host.conf)
    assert host.lookalike.poll() is None
    assert daemon.process() == int(host.pidfile.read_text())
    with lookalike_of_supervisord(host.conf) as younger:
        assert daemon.process() == int(host.pidfile.read_text())
        assert daemon.find(0) == int(host.pidfile.read_text())
        assert younger.poll() is None


ORPHAN = (
    "import os, sys; os.setpgid(0, 0); child = os.fork()\n"
    "if child: print(child, flush=True); os._exit(0)\n"
    "sys.stdin.read()"
)


def listed(host: Host, uid: int) -> bool:
    """Leave an orphan of that user, with the name and environment of ours; whether it is listed as left by the instance."""
    words = ["mooring: greeter blue 0 (django)", "-I", "-c", ORPHAN]
    one = subprocess.Popen(
        words,
        executable=shutil.which("python3", path=os.defpath),
        user=uid,
        group=uid,
        extra_groups=[],
        env={"MOORING_INSTANCE": "greeter"},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert one.stdout is not None
    child = int(one.stdout.readline())
    try:
        one.wait(60)
        control = host.site.root / "supervisor/venv/bin/mooringctl"
        command = [control, "leftovers", "--instance", "greeter", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert Path(f"/proc/{child}").exists()
        return child in [each["pid"] for each in json.loads(done.stdout)["leftovers"]]
    finally:
        one.communicate(b"\n")


def test_one_is_not_listed_among_what_the_instance_has_left(host: Host) -> None:
    assert listed(host, host.user.pw_uid)
    assert not listed(host, STRANGER)


def test_where_none_runs_one_is_neither_found_nor_ended(tmp_path: Path) -> None:
    for folder in ("run", "log"):
        (tmp_path / folder).mkdir()
    conf = tmp_path / "supervisord.conf"
    with lookalike_of_supervisord(conf) as one:
        daemon = Daemon(conf)
        assert daemon.find(0) == 0
        assert daemon.shutdown(0) == 0
        assert one.poll() is None
        (tmp_path / "run/supervisord.pid").write_text(f"{one.pid}\n")
        assert processes.server_facts(str(tmp_path))["pid"] is None
    with lookalike_of_supervisord(conf, uid=0) as ours:  # the same question about a process of root's
        assert Daemon(conf).process() == ours.pid
        (tmp_path / "run/supervisord.pid").write_text(f"{ours.pid}\n")
        assert processes.server_facts(str(tmp_path))["pid"] == ours.pid
