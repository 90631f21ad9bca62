"""State files and program files that are lost, damaged or wrong: what serves serves on, and the next command repairs them."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable, Iterator

import pytest

from support.deployed import Deployed, Refused
from support.folders import short_folder
from support.instance import refusal
from support.supervisord import Supervisord
from support.visitors import Visitors
from support.waiting import until


@pytest.fixture(scope="module")
def instance() -> Iterator[Deployed]:
    """One instance for all tests: each leaves one generation that serves."""
    with short_folder() as path:
        server = Supervisord(path)
        one = Deployed(server)
        for release in ("r1", "r2"):
            one.build(release)
        one.build("broken", app="applications:answers_500")
        server.start()
        yield one
        server.stop()


@pytest.fixture
def served(instance: Deployed) -> Iterator[Deployed]:
    """The instance with a release live, under requests of which none may fail."""
    if not instance.live_json.is_file() or instance.live()["release"] not in ("r1", "r2"):
        instance.deploy("r1")
    with Visitors(("127.0.0.1", instance.port), number=1) as visitors:
        yield instance
        visitors.more()
    assert not visitors.failures


def named(**values: object) -> Callable[[Deployed], None]:
    return lambda one: one.live_json.write_text(json.dumps({**one.live(), **values})) and None


def written(content: str) -> Callable[[Deployed], None]:
    return lambda one: one.live_json.write_text(content) and None


def folder(one: Deployed) -> None:
    one.live_json.unlink()
    one.live_json.mkdir()


def dangling(one: Deployed) -> None:
    one.live_json.unlink()
    one.live_json.symlink_to("nowhere")


def other_colour(one: Deployed) -> None:
    named(colour="green" if one.live()["colour"] == "blue" else "blue")(one)


DAMAGES: dict[str, Callable[[Deployed], None]] = {
    "deleted": lambda one: one.live_json.unlink(),
    "empty": written(""),
    "truncated": lambda one: one.live_json.write_text(one.live_json.read_text()[:30]) and None,
    "garbage": written("\x00 garbage"),
    "a list": written("[]"),
    "without a release": written('{"colour": "blue"}'),
    "wrong types": written('{"colour": 1, "release": {}}'),
    "an unknown colour": named(colour="red"),
    "a release that does not exist": named(release="gone"),
    "a release that does not run": lambda one: named(release={"r1": "r2", "r2": "r1"}[one.live()["release"]])(
        one
    ),
    "a colour that does not run": other_colour,
    "a folder": folder,
    "a dangling link": dangling,
}


def repaired(one: Deployed, before: dict[str, str]) -> None:
    states = one.states()
    told = one.plan()
    assert told["notes"], "it is told"
    assert str(one.live_json) in told["notes"][0]
    assert "It is taken for the live one" in told["notes"][0]
    assert "live.json" in refusal(one.verify)
    assert one.plan(repair=True)["repaired"] is True
    live = one.live()
    assert (live["colour"], live["release"]) == (before["colour"], before["release"])
    assert one.plan(repair=True)["notes"] == []
    assert one.states() == states


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_state_file_is_written_again_from_what_serves(served: Deployed, damage: str) -> None:
    before = served.live()
    DAMAGES[damage](served)
    repaired(served, before)


def test_with_two_generations_up_the_one_that_was_live_is_taken(served: Deployed) -> None:
    before = served.live()
    served.deploy({"r1": "r2", "r2": "r1"}[before["release"]], last="gate")
    for damage in ("deleted", "garbage", "a release that does not exist", "an unknown colour"):
        served.live_json.write_text(json.dumps(before))
        DAMAGES[damage](served)
        repaired(served, before)
    served.deploy(before["release"])
    served.assert_serves(before["release"])


@pytest.mark.parametrize("damage", ["deleted", "a colour that does not run"])
def test_a_deploy_over_a_lost_state_is_a_switch_as_ever_and_a_refused_one_changes_nothing(
    served: Deployed, damage: str
) -> None:
    before = served.live()
    DAMAGES[damage](served)
    with pytest.raises(Refused, match="What serves now: release "):
        served.deploy("broken")
    served.assert_serves(before["release"])
    DAMAGES[damage](served)
    after = {"r1": "r2", "r2": "r1"}[before["release"]]
    served.deploy(after)
    served.assert_serves(after)


def test_a_restart_finds_the_live_generation_without_a_state_file(served: Deployed) -> None:
    before = served.live()["release"]
    served.live_json.unlink()
    assert len(served.restart()) == 1
    served.assert_serves(before)


def test_program_files_that_are_lost_or_edited_come_again_and_no_process_is_touched(served: Deployed) -> None:
    live = served.live()
    pids = served.server.pids(f"api-{live['colour']}")
    file = served.program_file(live["colour"])
    content = file.read_text()
    for wrong in (
        None,
        "",
        content[:40],
        content.replace("numprocs = 1", "numprocs = 2"),
        "[not supervisord's",
    ):
        file.unlink()
        if wrong is not None:
            file.write_text(wrong)
        assert str(file) in refusal(served.verify)
        assert str(file) in served.plan(repair=True)["notes"][0]
        assert file.read_text() == content
        served.assert_serves(live["release"])
    shutil.rmtree(served.home / "conf.d")
    (served.home / "conf.d").mkdir()
    served.deploy(live["release"])
    served.assert_serves(live["release"])
    assert served.server.pids(f"api-{live['colour']}") == pids


def test_what_has_not_passed_the_gate_does_not_reach_the_live_generation(served: Deployed) -> None:
    """A program file that supervisord has read, and the release's own: each is a switch, through the gate."""
    live = served.live()
    release = served.release_folder(live["release"])
    own = release / f"{live['colour']}.conf"
    pids = served.server.pids(f"api-{live['colour']}")
    good = own.read_text()
    own.write_text(good.replace("applications:good", "applications:answers_500"))
    assert "is not what has passed the gate" in refusal(served.verify)
    assert "Nothing was restarted" in refusal(served.restart)
    assert "is not what has passed the gate" in served.plan(repair=True)["switch"]
    assert served.program_file(live["colour"]).read_text() == good
    assert served.server.pids(f"api-{live['colour']}") == pids
    served.build(live["release"])
    assert "was built again" in served.plan(repair=True)["switch"]
    served.deploy(live["release"])
    assert served.live()["colour"] != live["colour"]
    assert served.live()["previous"] == live["previous"]
    served.assert_serves(live["release"])


def test_a_program_file_that_came_live_without_a_gate_is_replaced_by_a_switch(served: Deployed) -> None:
    """An administrator has edited it and run `supervisorctl update`."""
    live = served.live()
    file = served.program_file(live["colour"])
    good = file.read_text()
    file.write_text(good.replace("drain_timeout".upper(), "IDLE_TIMEOUT"))
    assert file.read_text() != good
    served.server.ctl("update", f"api-{live['colour']}")
    pids = served.server.pids(f"api-{live['colour']}")
    assert "runs with another program file" in refusal(served.reconcile)
    assert served.server.pids(f"api-{live['colour']}") == pids
    assert "runs with another program file" in served.plan(repair=True)["switch"]
    served.deploy(live["release"])
    assert served.live()["colour"] != live["colour"]
    served.assert_serves(live["release"])


@pytest.mark.parametrize("content", [None, "", "[]", '{"instance": "api"}'])
def test_a_damaged_release_json_of_the_live_release_stops_nothing(
    served: Deployed, content: str | None
) -> None:
    live = served.live()
    path = served.release_folder(live["release"]) / "release.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    for command in ("verify", "restart", "reconcile"):
        assert str(path) in refusal(getattr(served, command))
    assert str(path) in "".join(served.status()["problems"])
    plan = served.plan(live["release"], repair=True)
    assert str(path) in plan["switch"]
    assert str(path) in plan["lacking"]
    served.build(live["release"])
    served.deploy(live["release"])
    served.assert_serves(live["release"])


def test_a_full_disk_when_the_new_one_is_named_is_told_and_taken_back(served: Deployed) -> None:
    live = served.live()
    other = {"r1": "r2", "r2": "r1"}[live["release"]]
    idle = {"blue": "green", "green": "blue"}[live["colour"]]
    served.deploy(other, last="gate")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        said = refusal(served.name_live, other, idle)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"{served.live_json} cannot be written: File too large. Make room" in said
    assert served.live() == live
    assert "Two generations serve now" in served.serving()
    assert f"What serves now: release {live['release']} " in served.take_back(idle)["serving"]
    served.assert_serves(live["release"])


def test_a_generation_that_is_named_live_is_not_taken_back(served: Deployed) -> None:
    live = served.live()
    done = served.take_back(live["colour"])
    assert "it stays" in done["problems"][0]
    served.assert_serves(live["release"])


# what remains is done last: supervisord ends


def test_supervisord_that_was_killed_is_told_and_what_was_live_comes_again(instance: Deployed) -> None:
    live = instance.live()
    instance.server.kill()
    told = "no supervisord at"
    until(lambda: "Nothing serves now" in instance.serving(), "the workers have ended with it")
    for command in ("restart", "reconcile"):
        assert told in refusal(getattr(instance, command))
    assert told in refusal(instance.verify)
    assert "Nothing serves now" in instance.status()["serving"]
    assert instance.plan(repair=True)["live"]["release"] == live["release"]
    instance.live_json.unlink()
    instance.server.start()
    instance.deploy(live["release"])
    instance.assert_serves(live["release"])
