"""What an operator sees: phases, one summary, each failure once; and commands over nothing, or over what is not ours."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.fuzzing import check_plain
from support.places import REPOSITORY
from support.ports import free_port
from support.site import Site

BIN = Path(sys.executable).parent

TASKS = """\
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - name: Warn
      ansible.builtin.command: {argv: [sh, -c, "echo $LANG"]}
      changed_when: false
      register: said
    - name: Keep a secret
      ansible.builtin.command: {argv: [sh, -c, "echo hush-hush; exit 3"]}
      no_log: true
      ignore_errors: true
    - name: Tell
      ansible.builtin.debug: {msg: "all is said"}
    - name: Try
      block:
        - name: Break
          ansible.builtin.command: {argv: [sh, -c, 'printf "\\\\033[31mred\\\\007" >&2; exit 4']}
      rescue:
        - name: Say why
          ansible.builtin.fail:
            msg: "It was {{ ansible_failed_result.stderr }} and {{ 'long ' * 60 }}"
"""


@pytest.fixture
def play(tmp_path: Path) -> Path:
    path = tmp_path / "play.yml"
    path.write_text(TASKS)
    return path


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook in the repository, as its ansible.cfg has it."""
    others = {key: value for key, value in os.environ.items() if key not in ("ANSIBLE_STDOUT_CALLBACK",)}
    return subprocess.run(
        [BIN / "ansible-playbook", *words],
        cwd=REPOSITORY,
        env={**others, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


HERE = ("-e", f"ansible_python_interpreter={sys.executable}")


def test_a_failure_is_shown_once_whole_and_harmless(play: Path) -> None:
    done = run("-i", "one,two", *HERE, play)
    assert done.returncode == 2, done.stdout + done.stderr
    shown = done.stdout + done.stderr
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert shown.count("It was \\x1b[31mred\\x07 and long") == 1, shown
    assert max(len(line) for line in done.stdout.splitlines()) > 300, "no line is folded"
    assert "FAILED: one, two: Say why" in done.stdout
    assert "one, two:\n  all is said" in done.stdout
    assert "hush-hush" not in shown
    assert "Break" not in done.stdout
    assert len(done.stdout.splitlines()) < 10


def test_with_v_it_is_ansibles_own_output(play: Path) -> None:
    done = run("-v", "-i", "one,", *HERE, play)
    assert "TASK [Break]" in done.stdout
    assert "PLAY RECAP" in done.stdout
    assert "hush-hush" not in done.stdout


HOSTILE = "\x1b[30mhidden \x9b31m\x1b]0;title\x07 \rover\x85next\u2028line \u202egpj.exe \x7f\x0b"
SAYS_IT = """\
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - name: Say it
      ansible.builtin.command: {argv: [cat, "{{ file }}"]}
      changed_when: false
      register: said
    - name: Show it
      ansible.builtin.debug: {msg: "{{ said.stdout }}"}
    - name: Show each
      ansible.builtin.debug: {msg: one}
      loop: ["{{ said.stdout }}", "forged\\nok: [one]"]
    - name: Write it
      ansible.builtin.copy: {content: "{{ said.stdout }}", dest: "{{ file }}.copy", mode: "0600"}
    - name: Fail by it
      ansible.builtin.command: {argv: [sh, -c, "cat {{ file }} >&2; exit 3"]}
      ignore_errors: true
    - name: Run nothing by it
      ansible.builtin.raw: "cat {{ file }}; exit 3"
      ignore_errors: true
    - name: End by it
      ansible.builtin.fail: {msg: "{{ said.stdout }}"}
"""
COLOUR = re.compile("\x1b\\[(?:0|[01];3[1-7]|1;30)m")
"""Of Ansible's own; black is none of them, dark grey is."""


@pytest.mark.parametrize("words", [["--diff"], ["-vvvv", "--diff"]])
def test_what_a_host_says_steers_no_terminal(tmp_path: Path, words: list[str]) -> None:
    """Raw results, items, diffs, a failure, and with `-vvvv` what the connection has received; in colours as on a terminal."""
    (tmp_path / "said").write_text(HOSTILE)
    (tmp_path / "play.yml").write_text(SAYS_IT)
    file = ("-e", f"file={tmp_path / 'said'}")
    done = run(*words, "-i", "one,", *HERE, *file, tmp_path / "play.yml", ANSIBLE_FORCE_COLOR="1")
    assert done.returncode == 2, done.stdout + done.stderr
    shown = done.stdout + done.stderr
    assert COLOUR.search(shown)
    check_plain(COLOUR.sub("", shown), kept="\n\t")
    assert shown.count(r"\u202egpj.exe") >= 2
    assert "\x1b[0;32m+\\x1b[30mhidden" in shown, "a line of a diff has its colour"
    assert "\nok: [one]\n" not in shown


def test_on_a_terminal_colours_are_those_that_are_wanted(play: Path) -> None:
    for wanted in (True, False):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", **({} if wanted else {"NO_COLOR": "1"})}
        environment.pop("ANSIBLE_STDOUT_CALLBACK", None)
        environment.pop("ANSIBLE_NOCOLOR", None)
        process = subprocess.Popen(
            [BIN / "ansible-playbook", "-i", "one,", *HERE, play],
            cwd=REPOSITORY,
            env=environment,
            stdout=theirs,
            stderr=theirs,
            stdin=subprocess.DEVNULL,
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        os.close(ours)
        assert process.wait(timeout=60) == 2
        assert (b"\x1b[0;31mFAILED" in shown) is wanted, shown


NOTHING = [
    (
        ["-i", "inventory/typo"],
        "There is no inventory inventory/typo. There are: inventory/cluster, inventory/local.",
    ),
    (["-i", "inventory/locl"], "Did you mean inventory/local?"),
    (["-i", "inventory/local", "-i", "inventory/typo"], "There is no inventory inventory/typo."),
    (["-i", "{folder}/empty.yml"], "has no host in the group api"),
    (["-i", "{folder}/other.yml"], "has no host in the group api"),
    (["-i", "inventory/local", "-i", "{folder}/broken.yml"], "broken.yml"),
    (["-i", "inventory/cluster", "--limit", "lb1"], "--limit lb1 leaves no host"),
    (["--limit", "nothing"], "no hosts to target"),
]


def test_a_run_over_no_host_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.yml").write_text("api: {hosts: {}}\n")
    (tmp_path / "other.yml").write_text("web: {hosts: {one: {}}}\n")
    (tmp_path / "broken.yml").write_text("api: {hosts: [one\n")
    processes = [
        subprocess.Popen(
            [
                BIN / "ansible-playbook",
                "playbooks/status.yml",
                *(word.format(folder=tmp_path) for word in words),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "COLUMNS": "1000"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for words, _ in NOTHING
    ]
    for process, (words, told) in zip(processes, NOTHING, strict=True):
        output, _ = process.communicate(timeout=300)
        assert process.returncode != 0, f"{words}: {output}"
        assert told in output, f"{words}: {output}"


def test_every_playbook_begins_with_the_group_api() -> None:
    """What the check of the inventory goes by. A new site has no inventory yet."""
    playbooks = {path for path in REPOSITORY.glob("playbooks/*.yml") if path.name != "new_site.yml"}
    assert playbooks
    for playbook in playbooks:
        assert "{{ 'api' if groups.api " in playbook.read_text(), playbook


def test_a_first_deploy_is_short_and_ends_with_one_summary(site: Site) -> None:
    lines = site.first.splitlines()
    assert len(lines) <= 40, site.first
    assert [line.split()[0] for line in lines if line[:1].isupper() and " … " not in line][:4] == [
        "Check",
        "Build",
        "Install",
        "Switch",
    ]
    summary = "\n".join(lines[-8:])
    assert f"greeter answers at http://127.0.0.1:{site.port}/" in summary
    assert "django, 2 workers, generation blue, release " in summary
    assert "supervisorctl -c " in summary
    assert "changed=" in lines[-1]


def test_an_unchanged_deploy_says_so_in_a_few_lines(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "mooring.mooring.summary")
    output = site.deploy()
    assert len(output.splitlines()) <= 15 + output.count(" so far: "), output
    assert "nothing to do, all is as the inventory says (changed=0)." in output.splitlines()[-1]


def test_a_check_shows_diffs_and_what_a_run_would_do(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "mooring.mooring.summary")
    done = site.run("deploy.yml", "--check", "--diff", workers=3)
    assert done.returncode == 0, done.stdout
    assert "+numprocs=3" in done.stdout
    assert f"would switch from {site.live()['release']} to release" in done.stdout
    assert "a run would change " in done.stdout.splitlines()[-1]


def test_ctrl_c_says_what_is_left_and_what_to_type(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "mooring.mooring.summary")
    process = site.start("deploy.yml", app_environment={"GREETING": "interrupted"})
    assert process.stdout
    output = ""
    with process.stdout:
        for line in process.stdout:
            output += line
            if line.startswith("Install") and "so far" not in line:
                os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=120) == 99, output
    assert "Interrupted in the phase Install on localhost. What serves has not been touched." in output
    assert "Run the same command again" in output
    assert site.ask() == (200, "hello")
    site.deploy()


@pytest.fixture
def short(site: Site) -> Path:
    """Make a folder whose path is short enough for sockets in it."""
    return Path(tempfile.mkdtemp(dir=site.root.parent))


def test_a_command_over_nothing_names_what_is_there(site: Site, short: Path) -> None:
    """Status, verify, restart, rollback, prove: another name, another folder. All at once, on hosts of one inventory."""
    half = short / "half/instances/greeter/releases"
    half.mkdir(parents=True)
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **site.knobs}
    hosts = {
        "other": {**here, "mooring_root": str(site.root), "api_name": "other", "api_port": free_port()},
        "none": {**here, "mooring_root": str(short / "none"), "api_port": free_port()},
        "half": {**here, "mooring_root": str(short / "half"), "api_port": free_port()},
    }
    inventory = short / "hosts.json"
    inventory.write_text(json.dumps({"api": {"hosts": hosts}}))
    before = site.pids()
    status = run("-i", inventory, "playbooks/status.yml")
    assert status.returncode == 2, status.stdout
    assert (
        f"There is no instance other in {site.root} on other; deployed there: greeter. Name one of them"
        in status.stdout
    )
    nothing = f"Nothing is deployed in {short}/none on none. Deploy first: ansible-playbook deploy.yml"
    assert nothing in status.stdout
    assert f"{short}/half on half has the instance greeter, but not the Python" in status.stdout
    for playbook in ("verify", "restart", "rollback", "prove"):
        said = run("-i", inventory, f"playbooks/{playbook}.yml", "--limit", "none")
        assert said.returncode == 2, said.stdout
        assert nothing in said.stdout
    removed = run("-i", inventory, "playbooks/remove.yml", "--limit", "other,none")
    assert removed.returncode == 0, removed.stdout
    assert "deployed there: greeter. Nothing of it is to be removed." in removed.stdout
    assert f"Nothing is deployed in {short}/none on none." in removed.stdout
    assert not (short / "none").exists()
    assert site.pids() == before


def test_a_removal_leaves_what_is_not_its_own_and_names_it(site: Site, short: Path) -> None:
    """A root in which no supervisord runs any more: what a removal takes is decided by names alone."""
    root, disk = short / "root", short / "disk"
    disk.mkdir()
    root.symlink_to(disk)  # as an administrator may have it; what is there is found all the same
    for folder in (
        "supervisor/conf.d",
        "supervisor/venvs/1",
        "instances/greeter/releases",
        "instances/greeter/data",
        "instances/other/releases",
    ):
        (root / folder).mkdir(parents=True)
    # As a deploy from before there was a mark has left it
    conf = root / "supervisor/supervisord.conf"
    conf.write_text(
        "[rpcinterface:mooring]\nsupervisor.rpcinterface_factory=mooring.plugin:make_rpcinterface\n"
    )
    (root / ".mooring").write_text("")
    own = [root / "supervisor/conf.d/greeter-blue.conf", root / "instances/greeter/live.json"]
    foreign = [
        root / "supervisor/conf.d/cron.conf",
        root / "notes.txt",
        root / "instances/greeter/data/db.sqlite3",
        root / "instances/greeter/todo.txt",
        root / "instances/list.txt",
    ]
    for path in own + foreign:
        path.write_text("")
    client = short / "client.conf"
    client.write_text("[supervisorctl]\nserverurl=unix:///another/supervisor/run/supervisor.sock\n")
    knobs = {
        **site.knobs,
        "api_port": free_port(),
        "mooring_root": str(root),
        "supervisorctl_conf": str(client),
    }
    said = short / "knobs.json"

    def remove(**more: object) -> str:
        said.write_text(json.dumps({**knobs, **more}))
        done = run("playbooks/remove.yml", "-e", f"@{said}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "supervisord stays, for other." in remove()
    assert not own[0].exists()  # also where no supervisord runs
    shutil.rmtree(root / "instances/other")
    output = remove()
    assert "goes on to run what is not of Mooring: cron.conf" in output
    assert f"Left {root}/instances/greeter/data" in output
    assert f"Left what is not of Mooring in {root}/instances/greeter: todo.txt." in output
    assert f"Left what is not of Mooring in {root}: instances/list.txt, notes.txt." in output
    assert [path for path in foreign if not path.exists()] == []
    assert not (root / "instances/greeter/releases").exists()
    assert client.exists(), "it names another supervisord"
    foreign[0].unlink()
    client.write_text(f"[supervisorctl]\nserverurl=unix://{root}/supervisor/run/supervisor.sock\n")
    output = remove(remove_data=True)
    left = ["instances", "instances/greeter", "instances/greeter/todo.txt", "instances/list.txt", "notes.txt"]
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [".mooring", *left]
    assert "todo.txt" in output
    assert not client.exists()
    shutil.rmtree(root / "instances")
    foreign[1].unlink()
    remove()
    assert root.is_symlink()  # it is the administrator's
    assert list(disk.iterdir()) == []


def test_a_removal_touches_no_folder_of_others(site: Site, short: Path) -> None:
    """Whatever is called supervisor/ and instances/ there."""
    files = [short / "site/supervisor/etc/cron.conf", short / "site/instances/photos/2026/one.jpg"]
    for path in files:
        path.parent.mkdir(parents=True)
        path.write_text("of others")
    said = short / "knobs.json"
    said.write_text(json.dumps({**site.knobs, "api_port": free_port(), "mooring_root": f"{short}//site/"}))
    done = run("playbooks/remove.yml", "-e", f"@{said}")
    assert done.returncode == 2, done.stdout + done.stderr
    words = f"{short}/site, and on localhost that folder has instances, supervisor, and no file .mooring that says"
    assert words in done.stdout + done.stderr
    assert [path.read_text() for path in files] == ["of others"] * 2


def test_supervisorctl_says_what_it_can_ask(site: Site, tmp_path: Path) -> None:
    """The one that `make venv` puts into the virtualenv, in each state; from another folder."""
    binaries = tmp_path / "venv/bin"
    binaries.mkdir(parents=True)
    shutil.copy(REPOSITORY / "tools/supervisorctl.sh", binaries / "supervisorctl")
    (binaries / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for name in ("python", "supervisorctl"):
        (binaries / name).chmod(0o755)

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        path = f"{binaries}:{os.environ['PATH']}"
        return subprocess.run(
            ["supervisorctl", *words],
            cwd="/",
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "nothing is deployed from here. Deploy first: make deploy." in ask("status").stderr
    conf = tmp_path / "venv/supervisord.conf"
    conf.write_text("[supervisorctl]\nserverurl=unix:///nowhere/supervisor/run/supervisor.sock\n")
    told = ask("status")
    assert told.returncode == 1
    assert "the supervisord of /nowhere does not run" in told.stderr
    conf.write_text(f"[supervisorctl]\nserverurl=unix://{site.root}/supervisor/run/supervisor.sock\n")
    assert "greeter-bootstrap" in ask("status").stdout
    conf.unlink()
    assert "greeter-bootstrap" in ask("-c", f"{site.root}/supervisor/supervisord.conf", "status").stdout
