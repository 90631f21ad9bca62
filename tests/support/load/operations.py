"""What operators do, each shown to have been done: the operations that are proved under load."""

from __future__ import annotations

from collections.abc import Callable

from support.load import unusual
from support.load.exchanges import long_exchanges
from support.load.stage import Stage, all_replaced, same


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
    all_replaced(before, stage.workers())


def restart_of_all_workers(stage: Stage) -> None:
    before = stage.workers()
    said = stage.control("restart", f"{stage.name}-{stage.live()['colour']}:*")
    assert said.count(": started") == len(before), said
    stage.gate()
    all_replaced(before, stage.workers())


def restart_of_the_bootstrap(stage: Stage) -> None:
    before = stage.pids()
    said = stage.control("restart", f"{stage.name}-bootstrap")
    assert f"{stage.name}-bootstrap: started" in said, said
    after = stage.pids()
    assert {name for name in after if after[name] != before[name]} == {f"{stage.name}-bootstrap"}


def reload(stage: Stage) -> None:
    before = stage.pids()
    stage.control("reload")
    stage.until(lambda: stage.pids().keys() == before.keys() and not same(before, stage.pids()))
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
        assert f"What serves now: release {live['release']} ({live['colour']}): " in output
        assert (stage.pids(), stage.live()) == (before, live)

    return refuse


def switch(framework: str) -> Callable[[Stage], None]:
    def switched(stage: Stage) -> None:
        with long_exchanges(stage):
            stage.change(web_framework=framework)
        assert stage.get("/version").startswith(framework)

    return switched


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
    ("refused: hangs at start", refused("hang", "become ready within", gate_timeout=5)),
    ("refused: exits after ready", refused("exit", "this release leaves after it was ready")),
    ("refused: missing dependency", refused("dependency", "a_package_that_nobody_has_installed")),
]
UNUSUAL: list[tuple[str, Callable[[Stage], None]]] = [
    ("two supervisorctl restarts at once", unusual.two_restarts_at_once),
    ("supervisorctl stop and start of a worker", unusual.stop_and_start_of_a_worker),
    ("new code, with 2000 more connections kept", unusual.with_many_connections(new_code)),
]
NEIGHBOURS: list[tuple[str, Callable[[Stage], None]]] = [
    ("switch while a neighbour is deployed", unusual.beside_a_neighbour(switch("pecan"))),
    ("the neighbour's switch (TLS, IPv6)", unusual.of_the_neighbour(switch("pecan"))),
    ("supervisorctl restart of the neighbour (TLS, IPv6)", unusual.of_the_neighbour(restart_of_all_workers)),
    ("supervisorctl reload, both", unusual.of_the_neighbour(reload)),
    ("removal of the neighbour", unusual.removal_of_the_neighbour),
]
OPERATIONS = [
    *((f"{name} (django)", act) for name, act in EACH),
    *UNUSUAL,
    ("switch django to pecan", switch("pecan")),
    *((f"{name} (pecan)", act) for name, act in EACH),
    ("switch pecan to django", switch("django")),
    *NEIGHBOURS,
]
