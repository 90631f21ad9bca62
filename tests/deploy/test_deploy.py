"""Deploys as users run them: again, changed, refused, killed, two at once, back, away."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import REPOSITORY, SITE, Site, free_port, recap, recaps


def test_a_second_run_changes_nothing_and_restarts_nothing(site: Site) -> None:
    before = site.pids()
    assert len(before) == 3
    assert recap(site.deploy())["changed"] == 0
    assert site.pids() == before


def test_check_tells_the_truth_and_changes_nothing(site: Site) -> None:
    before, live = site.pids(), site.live()
    done = site.run("deploy.yml", "--check", "--diff", app_environment={"GREETING": "good day"}, workers=3)
    assert done.returncode == 0, done.stdout
    assert "-numprocs=2" in done.stdout
    assert "+numprocs=3" in done.stdout
    assert '+    GREETING="good day"' in done.stdout
    assert recap(done.stdout)["changed"] > 0
    assert (site.pids(), site.live()) == (before, live)
    unchanged = site.run("deploy.yml", "--check", "--diff")
    assert recap(unchanged.stdout)["changed"] == 0


def test_a_setting_is_a_switch_and_rollback_brings_it_back(site: Site) -> None:
    before = site.live()
    site.deploy(
        app_environment={"GREETING": 'good "day" 100% sure'}, app_source=str(SITE)
    )  # one source, not in a list
    assert site.ask() == (200, 'good "day" 100% sure')
    assert site.live()["colour"] != before["colour"]
    assert site.live()["previous"] == before["release"]
    back = site.run("playbooks/rollback.yml")
    assert back.returncode == 0, back.stdout
    assert site.ask() == (200, "hello")
    assert site.live()["release"] == before["release"]


def test_an_application_that_answers_to_one_host_name_is_asked_by_it(site: Site) -> None:
    site.deploy(app_environment={"GREETER_HOST": "greeter.example:8"}, smoke_host="greeter.example:8")
    assert site.ask()[0] == 400
    assert "answered 'HTTP/1.1 400" in site.refused(app_environment={"GREETER_HOST": "greeter.example"})
    site.deploy()


def test_another_service_user_than_supervisord_has_is_refused(site: Site) -> None:
    before = site.pids()
    words = (
        "cannot become another user" if os.geteuid() == 0 else "only root can run processes as somebody else"
    )
    assert words in site.refused(service_user="daemon")
    assert site.pids() == before


def test_the_process_count_follows_workers(site: Site) -> None:
    site.deploy(workers=3)
    assert len(site.pids()) == 4
    site.deploy()
    assert len(site.pids()) == 3


def test_a_secret_arrives_and_shows_nowhere(site: Site) -> None:
    output = site.run("deploy.yml", "-vvv", "--diff", app_secrets={"GREETER_SECRET": "hush-hush"})
    assert output.returncode == 0, output.stdout
    assert site.ask() == (200, "hello hush-hush")
    # Ansible's -vvv repeats the extra variables of the command line itself; nothing else may.
    told = [line for line in output.stdout.splitlines() if "hush-hush" in line]
    assert told == []
    shown = [
        path
        for path in site.root.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and "venvs" not in path.parts
        and b"hush-hush" in path.read_bytes()
    ]
    assert [path.name for path in shown] == ["secrets.json"]
    assert shown[0].stat().st_mode & 0o007 == 0
    assert shown[0].parent.stat().st_mode & 0o007 == 0
    site.deploy()


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("import", "the greeter is broken on purpose"),
        ("dependency", "No module named 'a_package_that_nobody_has_installed'"),
        ("smoke", "503"),
        ("hang", "greeter.py"),
    ],
)
def test_a_broken_release_is_refused_with_its_own_last_words(site: Site, broken: str, words: str) -> None:
    before, live = site.pids(), site.live()
    output = site.refused(app_environment={"GREETER_BREAK": broken})
    assert words in output
    assert f"What serves now: release {live['release']} ({live['colour']}): " in output
    assert site.ask() == (200, "hello")
    assert (site.pids(), site.live()) == (before, live)
    assert not (site.home / "lock").is_symlink()


# Of each kind one: tests/unit/test_preflight.py has the rest.
WRONG_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"web_framework": "flask"}, 'web_framework is "flask". It is one of'),
    ({"port": "http"}, 'port is "http"'),
    ({"app_environment": {"A": None}}, "app_environment: A is empty (null)"),
    ({"app_environment": "{{ nowhere }}"}, "app_environment cannot be read:"),
    ({"app_secrets": {"A": 5}}, "app_secrets: A is a number"),
    ({"worker_settings": {"MOORING_MAX_CONNECTION": 5}}, "did you mean MOORING_MAX_CONNECTIONS?"),
    ({"companions": ["json.tool"]}, "companions is a list"),
    ({"hooks_before": [{"name": "migrate", "command": "one string"}]}, "a command that is a list of words"),
    ({"mooring_root": "/"}, 'mooring_root is "/"'),
    ({"workers": "", "bind": None}, 'workers is "".'),
    ({"workers": "", "bind": None}, "bind is null."),
]
WRONG_TARGETS: list[tuple[dict[str, Any], str]] = [
    ({"service_user": "nobody-of-that-name"}, 'service_user is "nobody-of-that-name"'),
    ({"service_user": "root"}, "nothing of Mooring runs as root"),
    ({"target_python": "/bin/true"}, "has no Python that will do"),
    ({"mooring_root": "/proc/mooring"}, "another folder by mooring_root"),
    ({"mooring_root": "/dev/null/mooring"}, "but /dev/null on wrong4 is no folder"),
    ({"mooring_root": "/tmp/" + "long" * 30}, "a unix socket's path at most"),
    ({"bind": "198.51.100.1"}, 'bind is "198.51.100.1", which is no address of wrong6'),
    ({"api_port": 80}, "api_port is 80, and on wrong7 only root can open a port below 1024"),
]


@pytest.mark.parametrize(
    ("playbook", "wrong"), [("playbooks/status.yml", WRONG_VALUES), ("deploy.yml", WRONG_TARGETS)]
)
def test_what_is_wrong_is_refused_before_anything_changes(
    site: Site, tmp_path: Path, playbook: str, wrong: list[tuple[dict[str, Any], str]]
) -> None:
    """One run over as many hosts as there are wrong values: each host has one, and each must be told so."""
    hosts = {
        f"wrong{number}": {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            **site.knobs,
            "mooring_root": str(tmp_path / "never"),
            "api_port": free_port(),
            "canari": 2,
            **knobs,
        }
        for number, (knobs, _) in enumerate(wrong)
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"api": {"hosts": hosts}}))
    done = site.run(playbook, "-i", str(inventory), alone=True)
    assert done.returncode == 2, done.stdout
    for number, (knobs, words) in enumerate(wrong):
        said = rf"\n(?:fatal|failed): \[wrong{number}\](.*?)(?=\n(?:fatal|failed|ok|TASK|PLAY|\[ERROR))"
        match = re.search(said, done.stdout, re.DOTALL)
        assert match, f"{knobs} was not refused"
        assert words in " ".join(match[1].split()), f"{knobs}: {match[1]}"
    notice = "The inventory has canari, which is no setting and changes nothing; did you mean canary?"
    assert " ".join(done.stdout.split()).count(notice) == 1
    assert all(counts["changed"] == 0 for counts in recaps(done.stdout).values())
    assert not (tmp_path / "never").exists()


def test_a_slip_in_a_setting_s_name_is_refused(site: Site) -> None:
    output = site.refused("playbooks/status.yml", worker=3)
    assert "-e worker is no setting; did you mean workers?" in output


def test_a_value_that_no_program_file_can_hold_arrives(site: Site) -> None:
    value = """it's "#1" ; 100% é\r\nand a second line"""
    site.deploy(app_environment={"GREETING": value})
    assert site.ask() == (200, value)


def test_another_address_of_the_same_port_is_refused_and_the_way_out_works(site: Site) -> None:
    before = site.pids()
    output = site.refused(bind="0.0.0.0")
    assert "bind is 0.0.0.0, and greeter on localhost listens at 127.0.0.1" in output
    assert "deploy with another api_port as well" in output
    assert (site.pids(), site.ask()[0]) == (before, 200)
    site.deploy(bind="0.0.0.0", api_port=free_port())
    site.deploy(bind="127.0.0.2")
    with socket.create_connection(("127.0.0.2", site.port), timeout=10):
        pass
    site.deploy()
    assert site.ask() == (200, "hello")


def test_commands_that_need_little_are_refused_for_little(site: Site) -> None:
    """What a deploy repairs, and what it alone needs, keeps nobody from looking."""
    run = site.root / "supervisor/run"
    owner = run.stat()
    (site.home / "lock").mkdir()
    try:
        output = site.refused("playbooks/status.yml")
        assert (
            f"{site.home}/lock on localhost is a folder, and Mooring keeps a link there. Move it away."
            in output
        )
    finally:
        (site.home / "lock").rmdir()
    if os.geteuid() == 0:
        os.chown(run, 0, 0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = site.run("playbooks/verify.yml", target_python="/bin/true", api_port=other.getsockname()[1])
    assert done.returncode == 0, done.stdout
    site.deploy()
    assert run.stat().st_uid == owner.st_uid


def test_a_source_that_is_not_there_is_refused(site: Site) -> None:
    before = site.live()
    assert "app_source: nowhere does not exist" in site.refused(app_source=["nowhere"])
    assert site.live() == before


def test_what_cannot_be_built_is_refused_before_anything_changes_also_by_check(
    site: Site, tmp_path: Path
) -> None:
    before, pids = site.live(), site.pids()
    written = {
        path: path.stat().st_mtime_ns for path in site.root.rglob("*") if not {"log", "run"} & set(path.parts)
    }
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n[project]\n'
        'name = "broken"\nversion = "not one"\n'
    )
    tried = site.run("deploy.yml", "--check", app_source=[str(broken)])
    assert tried.returncode == 2, tried.stdout
    assert f"app_source: {broken} does not build into a wheel: ValueError" in " ".join(tried.stdout.split())
    (tmp_path / "lock.txt").write_text("flask==3.0\n")
    words = f"{tmp_path}/lock.txt: flask==3.0 carries no hash"
    assert words in site.refused(app_requirements=str(tmp_path / "lock.txt"))
    assert f"did you mean {tmp_path}/lock.txt?" in site.refused(app_requirements=str(tmp_path / "lok.txt"))
    assert (site.live(), site.pids()) == (before, pids)
    now = {
        path: path.stat().st_mtime_ns for path in site.root.rglob("*") if not {"log", "run"} & set(path.parts)
    }
    assert now == written


def test_a_taken_port_is_refused_with_its_holder(site: Site) -> None:
    before = site.pids()
    with socket.create_server(("127.0.0.1", 0)) as other:
        output = site.refused(api_port=other.getsockname()[1])
    assert f"held by process {os.getpid()}" in output
    assert site.pids() == before


def test_the_port_of_a_companion_is_refused_before_anything_changes(site: Site) -> None:
    port = free_port()
    companions = {"files": f"http.server --bind 127.0.0.1 {port}"}
    try:
        site.deploy(companions=companions)
        with socket.socket() as visitor:
            site.until(lambda: visitor.connect_ex(("127.0.0.1", port)) == 0)
        before = site.live()
        output = site.refused(companions=companions, api_port=port)
        assert "(mooring: greeter companion http.server" in output
        assert "changed=0 " in output
        assert site.live() == before
    finally:
        site.deploy()


def test_a_companion_that_does_not_stay_up_is_told(site: Site) -> None:
    companions = {"clerk": "json.tool --no-such-option"}
    try:
        output = site.refused(companions=companions)
        assert f"What serves now: release {site.live()['release']} (" in output
        assert "last words of greeter-clerk" in output
        assert "unrecognized arguments: --no-such-option" in output
        assert site.ask() == (200, "hello")
        assert "last words of greeter-clerk" in site.refused("playbooks/verify.yml", companions=companions)
        status = site.run("playbooks/status.yml", companions=companions).stdout
        assert re.search(r"greeter-clerk +(BACKOFF|STARTING) +pid \d+ +companion", status), status
    finally:
        site.deploy()
    assert "greeter-clerk" not in site.control("status")


def test_the_next_port_is_not_that_of_the_sandbox() -> None:
    words = [
        str(Path(sys.executable).parent / "ansible"),
        "api",
        "-i",
        "inventory/local",
        "-m",
        "debug",
        "-a",
        "var=sandbox_port",
    ]
    for port in (9001, 65535):
        done = subprocess.run(
            [*words, "-e", f"api_port={port}"], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        (sandbox,) = re.findall(r"sandbox_port: (\d+)", done.stdout)
        assert abs(int(sandbox) - port) >= 100
        assert 0 < int(sandbox) < 65536


def test_a_second_deploy_is_kept_out_and_told_who_is_in(site: Site) -> None:
    (site.home / "lock").symlink_to("alice@elsewhere, process 17, since 2026-01-01 00:00:00 UTC")
    try:
        output = site.refused()
        assert "greeter on localhost is being deployed by alice@elsewhere, process 17" in output
        assert "instance_break_lock='alice@elsewhere, process 17, since 2026-01-01 00:00:00 UTC'" in output
        site.deploy(instance_break_lock="alice@elsewhere, process 17, since 2026-01-01 00:00:00 UTC")
        assert not (site.home / "lock").is_symlink()
    finally:
        (site.home / "lock").unlink(missing_ok=True)


def test_the_lock_of_a_killed_deploy_is_taken_over_and_the_deploy_converges(site: Site) -> None:
    before = site.live()
    first = site.start("deploy.yml", app_environment={"GREETING": "killed"})
    site.until(lambda: len(site.pids()) > 3)  # the other colour has started
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert (site.home / "lock").is_symlink()
    site.deploy()
    assert site.ask() == (200, "hello")
    assert site.live()["release"] == before["release"]
    assert len(site.pids()) == 3


def test_rolling_restart_replaces_each_worker(site: Site) -> None:
    before = site.pids()
    done = site.run("playbooks/restart.yml")
    assert done.returncode == 0, done.stdout
    after = site.pids()
    assert after.keys() == before.keys()
    changed = [name for name in after if after[name] != before[name]]
    assert changed == [name for name in after if "bootstrap" not in name]


def test_status_and_verify_tell_what_is_live(site: Site) -> None:
    status = site.run("playbooks/status.yml")
    assert status.returncode == 0, status.stdout
    for word in (site.live()["release"], site.live()["colour"], f"tcp://127.0.0.1:{site.port}"):
        assert word in status.stdout
    assert site.run("playbooks/verify.yml").returncode == 0


def test_verify_fails_when_a_worker_is_stopped(site: Site) -> None:
    worker = next(name for name in site.pids() if "bootstrap" not in name)
    site.control("stop", worker)
    try:
        output = site.refused("playbooks/verify.yml", gate_timeout=3)
        assert worker in output
    finally:
        site.control("start", worker)
    assert site.run("playbooks/verify.yml").returncode == 0


def test_a_rollback_to_what_is_not_there_lists_what_is(site: Site) -> None:
    output = site.refused("playbooks/rollback.yml", release="nosuchrelease")
    assert "There is no release nosuchrelease on localhost" in output
    assert site.live()["release"] in output


def test_release_json_says_what_went_in(site: Site) -> None:
    manifest = json.loads((site.home / "releases" / site.live()["release"] / "release.json").read_text())
    assert manifest["workers"] == 2
    assert manifest["framework"] == "django"
    assert manifest["wsgi_app"] == "greeter:application"
