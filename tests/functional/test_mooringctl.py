"""`mooringctl`, as an operator uses it on a host, on real supervisord and real workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring import removal, status_socket
from mooring.host import calls, cli, cli_texts, differences, errors, lock, where
from mooring.host.instance import Root
from support.folders import short_folder
from support.hosted import Hosted
from support.processes import alive
from support.supervisord import Supervisord
from support.visitors import Visitors
from support.waiting import until

LOOKING = ("status", "serving", "verify", "releases", "leftovers")


@pytest.fixture(scope="module")
def module_host() -> Iterator[Hosted]:
    """One host for all tests: each leaves it serving."""
    with short_folder() as path:
        server = Supervisord(path)
        one = Hosted(server, workers=2)
        for release in ("r1", "r2"):
            one.build(release)
        one.build("broken", app="applications:answers_500")
        try:
            server.start()
            one.ctl("switch", "r1")
            yield one
        finally:
            server.stop()
            for name in ("releases", "venvs"):  # they are read-only
                removal.remove_tree(path / name)


@pytest.fixture
def host(module_host: Hosted) -> Iterator[Hosted]:
    """The host with release r1 live, r2 before it, under requests of which none may fail."""
    live = module_host.live()
    for release in () if (live["release"], live["previous"]) == ("r1", "r2") else ("r2", "r1"):
        module_host.ctl("switch", release)
    with Visitors(("127.0.0.1", module_host.port), number=1) as visitors:
        yield module_host
        visitors.more()
    assert not visitors.failures


def test_it_looks(host: Hosted) -> None:
    before, pids = host.files(), host.server.pids(f"api-{host.live()['colour']}")
    said = {command: host.ctl(command).stdout for command in LOOKING}
    assert "release r1" in said["status"]
    assert "What serves now: release r1" in said["serving"]
    assert said["verify"].startswith("All is as it should be. What serves now: release r1")
    assert [line.split()[0] for line in said["releases"].splitlines()] == ["broken", "r2", "r1"]
    assert " live " in next(line for line in said["releases"].splitlines() if line.startswith("r1 "))
    assert said["leftovers"] == "Nothing is left.\n"
    for command in LOOKING:
        assert host.ask(command)["changed"] is False
    assert (host.files(), host.server.pids(f"api-{host.live()['colour']}")) == (before, pids)


def test_a_rollback_tells_of_each_worker_as_it_becomes_ready(host: Hosted) -> None:
    idle = "green" if host.live()["colour"] == "blue" else "blue"
    done = host.ctl("rollback", "--timeout", "60")
    assert "switching to release r2" in done.stderr
    for number in (0, 1):
        assert f"api-{idle}:{number} is ready (pid " in done.stderr
    assert done.stdout == f"Release r2 ({idle}) is live, and answers. Before it was release r1.\n"
    assert host.live()["release"] == "r2"
    assert host.ask("rollback", "r2")["changed"] is False
    assert "Nothing to do: release r2" in host.ctl("rollback", "r2").stdout


def test_a_release_that_does_not_prove_itself_is_refused_with_its_last_words(host: Hosted) -> None:
    refused = host.ctl("switch", "broken", status=1)
    assert "Release broken is refused" in refused.stderr
    assert "last words of api-" in refused.stderr
    assert "What serves now: release r1" in refused.stderr
    assert refused.stdout == ""
    told = host.ask("switch", "broken", status=1)["refused"]
    assert told["status"] == 1
    assert "last words of api-" in told["message"]
    assert host.live()["release"] == "r1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rollback"], "Would switch to release r2: release r1 is live."),
        (["switch", "r2"], "Would switch to release r2: release r1 is live."),
        (["restart"], "Would restart all workers"),
        (["reconcile"], "Nothing to do"),
        (["prune", "--keep", "2"], "would remove: releases/broken"),
        (["remove"], "would remove: "),
    ],
)
def test_a_dry_run_changes_nothing(host: Hosted, words: list[str], says: str) -> None:
    before, states = host.files(), host.states()
    pids = host.server.pids(f"api-{host.live()['colour']}")
    for dry_run in ([*words, "--dry-run"], ["--dry-run", *words]):  # before the command, or behind it
        assert says in host.ctl(*dry_run).stdout
    assert (host.files(), host.states()) == (before, states)
    assert host.server.pids(f"api-{host.live()['colour']}") == pids


def test_a_difference_is_shown(host: Hosted) -> None:
    shown = host.ctl("rollback", "--dry-run", "--diff").stdout
    assert '- "release": "r1"' in shown
    assert '+ "release": "r2"' in shown
    assert 'MOORING_RELEASE="r2"' in shown
    assert '+ "release": "r2"' in host.ask("rollback", "--dry-run", "--diff")["diff"]
    done = host.ctl("rollback", "--diff").stdout
    assert '+ "release": "r2"' in done
    assert done.endswith("Before it was release r1.\n")


def test_a_difference_shows_no_secret(host: Hosted) -> None:
    for release in ("r1", "r2"):
        secrets = host.release_folder(release) / "secrets.json"
        secrets.parent.chmod(0o755)
        secrets.write_text(f'{{"PASSWORD": "of {release}"}}')
    try:
        differences_shown = differences.of_releases(Root(host.root).instance("api"), "r1", "r2")
        assert '+ "release": "r2"' in differences_shown
        assert "PASSWORD" not in differences_shown
    finally:
        for release in ("r1", "r2"):
            (host.release_folder(release) / "secrets.json").unlink()
            host.release_folder(release).chmod(0o555)


def test_a_reconcile_puts_back_what_somebody_has_changed(host: Hosted) -> None:
    path = host.program_file("bootstrap")
    path.write_text(path.read_text() + "; by hand\n")
    told = host.ctl("reconcile", "--dry-run", "--diff").stdout
    assert "-; by hand" in told
    assert f"Would: {host.root}/supervisor/conf.d/api-bootstrap.conf is put back" in told
    assert "; by hand" in path.read_text()
    assert host.ask("reconcile")["changed"] is True
    assert "; by hand" not in path.read_text()
    assert host.ctl("reconcile", "--dry-run").stdout == "Nothing to do, as far as can be seen.\n"


def test_a_reconcile_starts_what_was_stopped(host: Hosted) -> None:
    name = f"api-{host.live()['colour']}:1"
    host.server.ctl("stop", name)
    assert f"Would: {name} is started." in host.ctl("reconcile", "--dry-run").stdout
    assert host.states()[name] == "STOPPED"
    host.ctl("reconcile")
    assert host.states()[name] == "RUNNING"


def test_a_restart_is_rolling(host: Hosted) -> None:
    group = f"api-{host.live()['colour']}"
    before = host.server.pids(group)
    done = host.ctl("restart")
    assert "2 workers were restarted, one after the other." in done.stdout
    assert not set(before) & set(host.server.pids(group))


def test_it_takes_the_lock_that_playbooks_take(host: Hosted) -> None:
    """Of a run that has not ended; one that has is overtaken."""
    run, path = lock.record(os.getpid()), host.home / "lock"
    lock.take(str(path), run, check=False, progress=print)
    try:
        before = host.files()
        for words in (
            ["restart"],
            ["rollback"],
            ["switch", "r2"],
            ["prune"],
            ["reconcile"],
            ["remove", "--yes"],
        ):
            refused = host.ctl(*words, status=4)
            assert f"--take-over {run['run']}" in refused.stderr
        assert host.ask("restart", status=4)["refused"]["holder"]["run"] == run["run"]
        for command in LOOKING:
            host.ctl(command)
        assert host.files() == before
        assert "workers were restarted" in host.ctl("--take-over", run["run"], "restart").stdout
    finally:
        lock.release(str(path), run["run"], progress=print)


def test_a_switch_waits_for_the_command_that_is_still_at_work(host: Hosted) -> None:
    """A deploy whose controller has died leaves one: it would stop what the second has just started in the same group."""
    before = host.server.pids(f"api-{host.live()['colour']}")
    with socket.create_connection(("127.0.0.1", host.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n12")
        colour = host.live()["colour"]
        until(lambda: _open(host, colour) >= 1, "a worker has the connection")
        first = host.popen("switch", "r2")
        until(lambda: sum(alive(pid) for pid in before) == 1, "the worker that is idle has ended")
        second = host.popen("switch", "r1")
        assert second.stderr
        assert "waiting for the end of another command" in second.stderr.readline()
        client.sendall(b"34")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    for process in (first, second):
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    after = host.server.pids(f"api-{host.live()['colour']}")
    assert (host.live()["release"], len(after)) == ("r1", 2)
    assert not set(before) & set(after)


def _open(host: Hosted, colour: str) -> int:
    return sum(
        status_socket.ask(host.status_socket(f"{colour}-{n}"), "stats", 10)["open"]
        for n in range(host.workers)
    )


def test_an_interrupted_command_says_so_and_the_next_goes_on(host: Hosted) -> None:
    with lock.changing(host.home / "lock", "", print):
        process = host.popen("restart")
        assert process.stderr is not None
        assert "waiting for the end of another command" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "\ninterrupted: run the same command again\n")
    host.ctl("restart")


def test_a_reader_that_has_gone_ends_no_command(host: Hosted) -> None:
    """As `mooringctl … | head`, and a terminal that was closed: the switch goes through."""
    process = host.popen("rollback")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(120) == 0
    assert host.live()["release"] == "r2"


def test_a_controller_that_has_gone_ends_no_call(host: Hosted) -> None:
    """As when the ssh connection of a playbook is lost in the middle of a switch."""
    arguments = {"root": str(host.root), "instance": host.name, "release": "r2"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mooring.host"],
        env=host.server.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stderr.close()
    process.stdin.write(
        json.dumps({"call": "switch", "arguments": arguments, "check": False}).encode() + b"\n"
    )
    process.stdin.close()
    assert process.wait(120) == 0
    assert host.live()["release"] == "r2"
    host.ctl("verify")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["no-such"], 2, "no-such"),
        (["switch"], 2, "Missing argument"),
        (["status", "--timeout", "5"], 2, "--timeout"),
        (["--timeout", "5", "status"], 2, "status takes no --timeout"),
        (["restart", "--timeout", "nan"], 2, "nan"),
        (["restart", "--timeout", "-1"], 2, "-1"),
        (["restart", "--timeout", "inf"], 2, "inf"),
        (["prune", "--keep", "0"], 2, "--keep"),
        (["remove"], 2, "--yes"),
        (["status", "--instance", "../up"], 3, "There is no instance ../up"),
        (["status", "--instance", "other"], 3, "deployed there: api"),
        (["remove", "--yes", "--instance", "other"], 3, "Nothing of other"),
        (["rollback", "r9"], 3, "no release r9 on this host"),
        (["switch", "\x1b[2J"], 1, "\\x1b[2J"),
    ],
)
def test_what_cannot_be_is_refused(host: Hosted, words: list[str], status: int, says: str) -> None:
    before = host.files()
    refused = host.ctl(*words, status=status)
    assert says in refused.stderr
    assert refused.stdout == ""
    assert "Traceback" not in refused.stderr
    assert "\x1b" not in refused.stderr
    assert host.files() == before


def test_of_several_instances_one_must_be_named(host: Hosted) -> None:
    other = host.root / "instances/other"
    host.add("other")
    try:
        assert "Name one: --instance api | other" in host.ctl("status", status=2).stderr
        assert "release r1" in host.ctl("status", "--instance", "api").stdout
        assert "release r1" in host.ctl("--instance", "api", "status").stdout
    finally:
        other.unlink()


def test_the_root_is_where_it_is_installed(tmp_path: Path) -> None:
    supervisor = tmp_path / "supervisor"
    (supervisor / "venvs").mkdir(parents=True)
    assert where.installed_root(supervisor / "venv") is None
    (supervisor / "supervisord.conf").touch()
    assert where.installed_root(supervisor / "venv") == tmp_path
    assert where.installed_root(supervisor / "venvs/0a1b") == tmp_path
    assert where.installed_root(Path(sys.prefix)) is None
    with pytest.raises(errors.CallError, match="--root DIR"):
        where.root(None)
    with pytest.raises(errors.NothingThereError, match="is not there"):
        where.root(tmp_path / "gone")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["r"], {"releases", "reconcile", "remove", "restart", "rollback"}),
        (["rollback", "r"], {"r1", "r2"}),
        (["status", "--instance", ""], {"api"}),
        (["switch", "zzz"], set()),
    ],
)
def test_a_shell_completes(host: Hosted, words: list[str], wanted: set[str]) -> None:
    """As the lines that `_MOORINGCTL_COMPLETE=bash_source mooringctl` prints ask for it."""
    line = ["mooringctl", "--root", str(host.root), *words]
    environ = host.server.environ | {
        "_MOORINGCTL_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(line),
        "COMP_CWORD": str(len(line) - 1),
    }
    done = subprocess.run(host.words(), env=environ, text=True, capture_output=True, check=False, timeout=60)
    assert {each.partition(",")[2] for each in done.stdout.split()} == wanted
    assert done.stderr == ""


def test_help_tells_all(host: Hosted) -> None:
    told = host.words("--help")
    done = subprocess.run(told, env=host.server.environ, text=True, capture_output=True, check=True)
    assert done.stderr == ""
    for status, meaning in errors.STATUSES.items():
        assert f"  {status:>3}  {meaning}" in done.stdout
    assert "_MOORINGCTL_COMPLETE=bash_source" in done.stdout
    for name, command in cli.commands.commands.items():
        assert f"\n  {name} " in done.stdout
        assert command.get_short_help_str(80).endswith("."), f"{name}: too long for one line"


def test_each_call_has_its_texts() -> None:
    assert set(cli_texts.PREVIEWS) <= set(cli_texts.TEXTS) <= set(calls.CALLS)
    assert {name for name in cli_texts.TEXTS if not calls.CALLS[name].looks} == set(cli_texts.PREVIEWS)


def test_what_playbooks_call_does_not_import_click(host: Hosted) -> None:
    program = (
        "import runpy, sys\ntry:\n    runpy.run_module('mooring.host', run_name='__main__')\n"
        "except SystemExit:\n    pass\nprint([name for name in sys.modules if name.split('.')[0] == 'click'])"
    )
    request = {"call": "status", "arguments": {"root": str(host.root), "instance": "api"}, "check": False}
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(request) + "\n",
        env=host.server.environ,
        text=True,
        capture_output=True,
        check=True,
    )
    result, modules = done.stdout.splitlines()
    assert json.loads(result)["result"]["instance"] == "api"
    assert modules == "[]"


def test_prune_and_remove(folder: Path) -> None:
    server = Supervisord(folder)
    one = Hosted(server)
    try:
        for release in ("r1", "r2", "r3"):
            one.build(release)
        server.start()
        for release in ("r1", "r2", "r3"):
            one.ctl("switch", release)
        assert one.ctl("prune", "--keep", "1").stdout == "removed: releases/r1\n"
        assert one.ask("prune", "--keep", "2") == {"changed": False, "removed": []}
        (folder / "data").mkdir()
        (folder / "data/mine").touch()
        done = one.ctl("remove", "--yes")
        assert "drained: api-bootstrap" in done.stdout
        assert "left: data, which is the application's (--remove-data)" in done.stdout
        assert not (folder / "releases").exists()
        assert (folder / "data/mine").exists()
        assert one.states() == {}
    finally:
        server.stop()
        for name in ("releases", "venvs"):
            removal.remove_tree(folder / name)
