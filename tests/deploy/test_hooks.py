"""Hooks: the inventory's own commands around a switch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from support.site import Site, recap

# What a hook finds: who runs it, where, and what it is told.
TELL = (
    "import json, os, sys; "
    "json.dump({'uid': os.getuid(), 'folder': os.getcwd(), 'python': sys.executable, **os.environ}, open(sys.argv[1], 'w'))"
)


def run_folder(site: Site) -> Path:
    """Return a folder that the service user may write to."""
    return site.home / "run"


def test_hooks_run_around_a_switch_with_what_the_release_has(site: Site) -> None:
    before, after = run_folder(site) / "before.json", run_folder(site) / "after.json"
    knobs: dict[str, Any] = {
        "hooks_before": [{"name": "prepare", "command": ["python", "-c", TELL, str(before)], "once": True}],
        "hooks_after": [
            {"name": "announce", "command": ["python", "-c", TELL, str(after)]},
            {"name": "sweep", "command": ["sh", "-c", f"rm -f '{before}'.old"], "once": True},
        ],
        "app_environment": {"GREETING": "hooked"},
        "app_secrets": {"GREETER_SECRET": "hush-hush"},
    }
    old = site.live()["release"]
    output = site.deploy(**knobs)
    assert "hush-hush" not in output
    new = site.live()["release"]
    assert new != old
    for told in (json.loads(path.read_text()) for path in (before, after)):
        assert told["MOORING_RELEASE"] == new
        assert told["MOORING_INSTANCE"] == "greeter"
        assert told["GREETING"] == "hooked"
        assert told["GREETER_SECRET"] == "hush-hush"
        assert told["uid"] == site.home.joinpath("run").stat().st_uid
        assert told["folder"] == str(site.home / "releases" / new)
        assert told["python"].startswith(str(site.home))
    for name in ("prepare", "announce", "sweep"):
        assert f"Run on the host the hook {name}" in output
    # Nothing to switch: no hook.
    before.unlink()
    again = site.deploy(**knobs)
    assert recap(again)["changed"] == 0
    assert not before.exists()
    site.deploy()


def test_a_hook_that_fails_before_stops_before_the_change_by_name(site: Site) -> None:
    live, pids = site.live(), site.pids()
    output = site.refused(
        hooks_before=[{"name": "migrate", "command": ["sh", "-c", "echo no such table >&2; exit 3"]}],
        app_environment={"GREETING": "never"},
    )
    assert "The hook migrate (before the switch) has failed on localhost: no such table" in output
    assert f"What serves now: release {live['release']} ({live['colour']}): " in output
    assert (site.live(), site.pids()) == (live, pids)
    assert (site.home / "lock").read_bytes() == b""


def test_a_hook_that_fails_after_says_that_the_new_release_serves(site: Site) -> None:
    # As an inventory has it: YAML 1.1, in which some words are no words (on: is true:)
    hooks = yaml.safe_load("[{name: announce, command: [no-such-command], where: controller, once: false}]")
    output = site.refused(
        hooks_after=hooks,
        app_environment={"GREETING": "good evening"},
    )
    assert "The hook announce (after the switch) has failed on localhost (run on the controller)" in output
    assert f"What serves now: release {site.live()['release']} (" in output
    assert site.ask() == (200, "good evening")
    site.deploy()


def test_a_command_that_is_not_there_is_told(site: Site) -> None:
    output = site.refused(
        hooks_before=[{"name": "migrate", "command": ["no-such-command"]}],
        app_environment={"GREETING": "never"},
    )
    assert "no-such-command cannot be run in" in output
    assert "there is no such command" in output
