"""No request fails because of anything that an operator does: every operation under load, on both frameworks.

The tests are one story, in order, over one deployment and one run of the load; the last one is the verdict over
all of it. Each operation is first shown to have done what it should, then that nobody noticed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.load.generator import table, wrong
from tests.load.stage import NAME, RATE, Stage

LEAST_REQUESTS = 50_000
LEAST_OPERATIONS = 20
FRAMEWORKS = ("django", "pecan")


def new_code(stage: Stage) -> None:
    framework = stage.manifest()["framework"]
    stage.new_code(f"2 for {framework}")
    stage.deploy()
    assert stage.get("/version").startswith(f"{framework} 2 for {framework}")


def scaled(workers: int) -> Callable[[Stage], None]:
    def scale(stage: Stage) -> None:
        stage.change(workers=workers)
        assert len(stage.workers()) == workers

    return scale


def rolling_restart(stage: Stage) -> None:
    before = stage.workers()
    done = stage.run("playbooks/restart.yml")
    assert done.returncode == 0, done.stdout
    _all_replaced(before, stage.workers())


def restart_of_all_workers(stage: Stage) -> None:
    before = stage.workers()
    said = stage.control("restart", f"{NAME}-{stage.live()['colour']}:*")
    assert said.count(": started") == len(before), said
    stage.gate()
    _all_replaced(before, stage.workers())


def restart_of_the_bootstrap(stage: Stage) -> None:
    before = stage.pids()
    said = stage.control("restart", f"{NAME}-bootstrap")
    assert f"{NAME}-bootstrap: started" in said, said
    after = stage.pids()
    assert {name for name in after if after[name] != before[name]} == {f"{NAME}-bootstrap"}


def reload(stage: Stage) -> None:
    before = stage.pids()
    stage.control("reload")
    stage.until(lambda: stage.pids().keys() == before.keys() and not _same(before, stage.pids()))
    stage.gate()


def change_of_a_setting(stage: Stage) -> None:
    stage.deploy(
        app_environment={**stage.knobs["app_environment"], "LOAD_SETTING": "changed"},
        worker_settings={"MOORING_MAX_CONNECTIONS": 900},
    )
    assert stage.get("/version").endswith(" changed")


def rollback(stage: Stage) -> None:
    wanted = stage.live()["previous"]
    done = stage.run("playbooks/rollback.yml")
    assert done.returncode == 0, done.stdout
    assert stage.live()["release"] == wanted
    assert not stage.get("/version").endswith(" changed")


def refused(how: str, words: str, gate_timeout: int = 30) -> Callable[[Stage], None]:
    def refuse(stage: Stage) -> None:
        before, live = stage.pids(), stage.live()
        environment = {**stage.knobs["app_environment"], "LOAD_BREAK": how}
        output = stage.refused(app_environment=environment, gate_timeout=gate_timeout)
        assert words in output
        assert f"Release {live['release']} ({live['colour']}) has never stopped serving." in output
        assert (stage.pids(), stage.live()) == (before, live)

    return refuse


def switch(framework: str) -> Callable[[Stage], None]:
    def switched(stage: Stage) -> None:
        stage.change(web_framework=framework)
        assert stage.get("/version").startswith(framework)

    return switched


def _same(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name in before if after.get(name) == before[name]}


def _all_replaced(before: dict[str, int], after: dict[str, int]) -> None:
    assert after.keys() == before.keys()
    assert not _same(before, after)


EACH: list[tuple[str, Callable[[Stage], None]]] = [
    ("new code", new_code),
    ("scale 2 to 4", scaled(4)),
    ("scale 4 to 1", scaled(1)),
    ("scale 1 to 2", scaled(2)),
    ("rolling restart", rolling_restart),
    ("supervisorctl restart of all workers", restart_of_all_workers),
    ("restart of the bootstrap", restart_of_the_bootstrap),
    ("change of a setting", change_of_a_setting),
    ("rollback", rollback),
    ("supervisorctl reload", reload),
    ("refused: import error", refused("import", "this release is broken on purpose")),
    ("refused: wrong smoke answer", refused("smoke", "503")),
    ("refused: hangs at start", refused("hang", "became ready within", gate_timeout=15)),
    ("refused: exits after ready", refused("exit", "this release leaves after it was ready")),
    ("refused: missing dependency", refused("dependency", "a_package_that_nobody_has_installed")),
]
OPERATIONS = [
    *((f"{name} (django)", act) for name, act in EACH),
    ("switch django to pecan", switch("pecan")),
    *((f"{name} (pecan)", act) for name, act in EACH),
    ("switch pecan to django", switch("django")),
]


@pytest.mark.parametrize(("name", "act"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_no_request_fails_during(stage: Stage, name: str, act: Callable[[Stage], None]) -> None:
    with stage.under_load(name):
        act(stage)


def test_nothing_failed_was_lost_doubled_or_refused(stage: Stage) -> None:
    # The load goes on by the clock; on a quick machine the operations are over before there were enough requests.
    stage.until(lambda: stage.generator.state()["requests"] >= LEAST_REQUESTS, LEAST_REQUESTS / RATE + 60)
    summary = stage.generator.stop()
    print(table(summary))
    assert not wrong(summary), f"{wrong(summary)}\n{stage.tell()}"
    assert summary["requests"] >= LEAST_REQUESTS
    assert summary["ledger"]["posts"] == summary["ledger"]["counted"] > 0
    assert {operation["name"] for operation in summary["operations"]} == {name for name, _ in OPERATIONS}
    assert len(summary["operations"]) >= LEAST_OPERATIONS
