"""`reconcile` on real supervisord and real workers: from whatever an interrupted deploy has left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mooring.host import reconcile as reconciling
from mooring.host import status
from support.instance import TIMEOUTS, Instance, refusal
from support.supervisord import Supervisord
from support.visitors import Visitors


@pytest.fixture
def instance(supervisord: Supervisord) -> Instance:
    """Make an instance's folder: r1 (with a companion) is live in blue, r2 is built; nothing of it runs yet."""
    one, home = Instance(supervisord), supervisord.folder
    for release in ("r1", "r2"):
        folder = home / "releases" / release
        (folder / "companions").mkdir(parents=True)
        one.bootstrap(release=release)
        one.colour("blue", release=release)
        one.colour("green", release=release)
        for part in ("bootstrap", "blue", "green"):
            program_file(one, f"api-{part}").rename(folder / f"{part}.conf")
        (folder / "release.json").write_text(
            json.dumps({"instance": "api", "workers": 2, "release": release})
        )
    (home / "releases/r1/companions/clerk.conf").write_text(
        "[program:api-clerk]\ncommand=/bin/cat\nstartsecs=0\n"
    )
    name_live(one, "blue", "r1")
    supervisord.start()
    return one


def program_file(instance: Instance, group: str) -> Path:
    return instance.server.folder / "conf.d" / f"{group}.conf"


def name_live(instance: Instance, colour: str, release: str) -> None:
    live = {"colour": colour, "release": release, "previous": ""}
    (instance.server.folder / "live.json").write_text(json.dumps(live))


def put(instance: Instance, colour: str, release: str) -> None:
    """Do what a switch does up to its gate."""
    source = instance.server.folder / "releases" / release / f"{colour}.conf"
    program_file(instance, f"api-{colour}").write_bytes(source.read_bytes())
    instance.update(f"api-{colour}")
    instance.gate(colour, release=release)


def running(instance: Instance) -> dict[str, int]:
    """Map each process to its pid."""
    return {f"{p['group']}:{p['name']}": p["pid"] for p in instance.server.rpc.supervisor.getAllProcessInfo()}


def groups(instance: Instance) -> set[str]:
    return {name.partition(":")[0] for name in running(instance)}


def reconcile(instance: Instance) -> dict[str, Any]:
    return dict(reconciling.reconcile(instance.host, "", TIMEOUTS, print))


def test_reconcile_brings_up_what_is_live_and_then_changes_nothing(instance: Instance) -> None:
    assert reconcile(instance)["changed"] is True
    assert groups(instance) == {"api-bootstrap", "api-blue", "api-clerk"}
    before = running(instance)
    assert [each["name"] for each in status.status(instance.host)["companions"]] == ["api-clerk"]
    again = reconcile(instance)
    assert again["changed"] is False
    assert again["manifest"] == {"instance": "api", "workers": 2, "release": "r1"}
    assert running(instance) == before


def test_a_deploy_killed_before_live_json_leaves_the_old_colour_alone(instance: Instance) -> None:
    reconcile(instance)
    before = running(instance)
    put(instance, "green", "r2")
    assert reconcile(instance)["removed"] == ["api-green"]
    assert running(instance) == before
    assert not program_file(instance, "api-green").exists()


def test_a_deploy_killed_after_live_json_is_finished(instance: Instance) -> None:
    reconcile(instance)
    put(instance, "green", "r2")
    name_live(instance, "green", "r2")
    with Visitors(("127.0.0.1", instance.port)) as visitors:
        done = reconcile(instance)
        visitors.more()
    assert not visitors.failures
    assert sorted(done["removed"]) == ["api-blue", "api-clerk"]
    assert done["replaced"] == ["api-bootstrap"]
    assert groups(instance) == {"api-bootstrap", "api-green"}


def test_what_runs_without_its_program_file_goes_as_well(instance: Instance) -> None:
    reconcile(instance)
    put(instance, "green", "r2")
    program_file(instance, "api-green").unlink()
    assert reconcile(instance)["removed"] == ["api-green"]


def test_a_folder_where_nothing_is_live_is_refused(
    instance: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    home = instance.server.folder
    (home / "live.json").unlink()
    assert "Nothing is live in" in refusal(reconcile, instance)
    assert "live.json" not in capsys.readouterr().out  # before a first deploy, no file is missing
    program_file(instance, "api-blue").write_text("")  # a generation was live
    assert "Nothing is live in" in refusal(reconcile, instance)
    assert "live.json is missing" in capsys.readouterr().out


def test_what_was_stopped_is_started(instance: Instance) -> None:
    reconcile(instance)
    before = running(instance)
    for name in ("api-blue:1", "api-clerk"):
        instance.server.ctl("stop", name)
    assert reconcile(instance)["changed"] is True
    after = running(instance)
    assert all(after.values())
    assert {name for name, pid in before.items() if after[name] != pid} == {
        "api-blue:1",
        "api-clerk:api-clerk",
    }
    assert reconcile(instance)["changed"] is False
