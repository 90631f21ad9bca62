"""Deploys as users run them: again, changed, broken, killed, two at once, back, away."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import signal
import subprocess

import pytest
from packaging.utils import canonicalize_name

from support.places import REPOSITORY
from support.site import SITE, Site, recap


def test_a_second_run_changes_nothing_and_restarts_nothing(site: Site) -> None:
    before = site.pids()
    assert len(before) == 3
    output = site.deploy()
    assert recap(output)["changed"] == 0
    assert output.count("\nTASK [") <= 13, "each task costs as much as a whole program"
    assert "Switch" not in output
    assert site.pids() == before


def test_a_second_run_starts_what_was_stopped(site: Site) -> None:
    before = site.pids()
    for name in before:
        site.control("stop", name)
    assert site.pids() == {}
    assert recap(site.deploy())["changed"] > 0
    assert site.pids().keys() == before.keys()
    assert site.ask() == (200, "hello")


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


def test_an_application_that_answers_to_one_host_name_below_a_prefix_is_asked_by_it(site: Site) -> None:
    told = site.deploy(
        app_environment={"GREETER_HOST": "greeter.example:8"},
        smoke_host="greeter.example:8",
        url_prefix="/greeter",
    )
    assert f"answers at http://127.0.0.1:{site.port}/greeter/" in told
    assert site.ask("/greeter/")[0] == 400
    assert site.ask() == (404, "Nothing is served here: the application is below /greeter/\n")
    refused = site.refused(app_environment={"GREETER_HOST": "greeter.example"}, url_prefix="/greeter")
    assert "the smoke request GET /greeter/ was answered 'HTTP/1.1 400" in refused
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
    plain = hashlib.sha256(b'{"GREETER_SECRET": "hush-hush"}').hexdigest()  # by which a guess would be tried
    assert plain not in output.stdout
    told_by = [path for path in site.root.rglob("*.json") if plain.encode() in path.read_bytes()]
    assert [(path.name, path.stat().st_mode & 0o077) for path in told_by] == [("manifest.json", 0)]
    assert (site.root / ".secrets-key").stat().st_mode & 0o077 == 0
    assert shown[0].stat().st_mode & 0o007 == 0
    assert shown[0].parent.stat().st_mode & 0o007 == 0
    if os.geteuid() == 0:  # other programs of the host run as nobody: none of them reads it
        nobody = {"user": 65534, "group": 65534, "extra_groups": [65534]}
        read = subprocess.run(["cat", shown[0]], capture_output=True, check=False, **nobody)
        assert (read.returncode, read.stdout) == (1, b"")
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
    # A slow machine needs some seconds until the application's own code is what hangs.
    output = site.refused(app_environment={"GREETER_BREAK": broken}, gate_timeout=30)
    assert words in output
    assert f"What serves now: release {live['release']} ({live['colour']}): " in output
    assert site.ask() == (200, "hello")
    assert (site.pids(), site.live()) == (before, live)
    assert not held(site)


HOLDER = {
    "run": "0123456789abcdef",
    "who": "alice@elsewhere",
    "process": 17,
    "started": 1,
    "boot": "another",
    "namespace": "another",
    "machine": "another",
    "since": "2026-01-01 00:00:00 UTC",
}
"""A run of another controller: nobody here can tell whether it has ended."""


def held(site: Site) -> bool:
    """Tell whether some run has the lock."""
    return (site.home / "lock").read_bytes() != b""


def test_a_second_deploy_is_kept_out_and_told_who_is_in(site: Site) -> None:
    (site.home / "lock").write_text(json.dumps(HOLDER))
    output = site.refused()
    assert "greeter is being deployed by alice@elsewhere, process 17, since 2026-01-01" in output
    assert "-e instance_break_lock=0123456789abcdef" in output
    assert held(site)
    site.deploy(instance_break_lock=HOLDER["run"])
    assert not held(site)


def test_the_lock_of_a_killed_deploy_is_taken_over_and_the_deploy_converges(site: Site) -> None:
    before = site.live()
    first = site.start("deploy.yml", app_environment={"GREETING": "killed"})
    site.until(lambda: len(site.pids()) > 3, seconds=600)  # the other colour has started
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert held(site)
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


@pytest.mark.parametrize("of", ["release", "supervisor"])
def test_the_bill_of_materials_names_what_is_installed_and_nothing_else(site: Site, of: str) -> None:
    release = site.home / "releases" / site.live()["release"]
    venv = release / "venv" if of == "release" else site.root / "supervisor/venv"
    text = (venv / "sbom.cdx.json").read_text()
    bill = json.loads(text)
    (packages,) = venv.glob("lib/python3.*/site-packages")
    installed = {
        canonicalize_name(each.metadata["Name"]): each.version
        for each in importlib.metadata.distributions(path=[str(packages)])
    }
    assert {each["name"]: each["version"] for each in bill["components"]} == installed
    locks = ("runtime", "multicloud") if of == "release" else ("supervisor",)
    locked = "".join((REPOSITORY / f"requirements/{name}.txt").read_text() for name in locks)
    from_lock = {
        each["name"]: each["hashes"] for each in bill["components"] if each["purl"].startswith("pkg:pypi/")
    }
    sources = {"mooring", "greeter"} if of == "release" else {"mooring"}
    assert set(installed) - set(from_lock) == sources  # the application is in it too
    for name, hashes in from_lock.items():
        lines = locked.partition(f"{name}=={installed[name]} ")[2].partition("# via")[0]
        assert lines
        assert all(each["alg"] == "SHA-256" and f"sha256:{each['content']}" in lines for each in hashes)
        assert hashes
    version = subprocess.run(
        [venv / "bin/python", "-V"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert {"name": "mooring:python", "value": version} in bill["metadata"]["properties"]
    if of == "release":
        assert (release / "sbom.cdx.json").read_text() == text
        assert "sbom.cdx.json" in json.loads((release / "manifest.json").read_text())["entries"]
        assert bill["metadata"]["component"]["name"] == "greeter"
