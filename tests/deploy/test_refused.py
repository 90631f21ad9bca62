"""Deploys that are refused before anything changes, and what their way out says."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.places import REPOSITORY
from support.ports import free_port
from support.site import Site, recaps

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
    ({"mooring_root": str(REPOSITORY)}, "and no file .mooring that says that it is Mooring's"),
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
    (site.home / "lock").unlink()
    (site.home / "lock").mkdir()
    try:
        output = site.refused("playbooks/status.yml")
        assert (
            f"{site.home}/lock on localhost is a folder, and Mooring keeps a file there. Move it away."
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
