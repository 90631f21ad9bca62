"""The operations that are proved under load: the proof's own (`prove.operations`) on the counting site, and more."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from prove import operations
from support.load import unusual
from support.load.exchanges import long_exchanges
from support.load.stage import Stage

_VERSIONS = itertools.count(2)
"""Code of the same text would be the same release, and its deploy no switch."""


def new_code(stage: Stage) -> None:
    framework, version = stage.manifest()["framework"], f"version {next(_VERSIONS)}"
    stage.new_code(version)
    operations.new_release()(stage)
    assert stage.get("/version").startswith(f"{framework} {version}")


def scaled(workers: int) -> Callable[[Stage], None]:
    return lambda stage: stage.change(operations.scale(workers), workers=workers)


def change_of_a_setting(stage: Stage) -> None:
    operations.new_release(
        app_environment={**stage.knobs["app_environment"], "LOAD_SETTING": "changed"},
        worker_settings={"MOORING_MAX_CONNECTIONS": 900},
    )(stage)
    assert stage.get("/version").endswith(" changed")


def rollback(stage: Stage) -> None:
    operations.rollback(stage)
    assert not stage.get("/version").endswith(" changed")


def refused(how: str, words: str, gate_timeout: int = 30) -> Callable[[Stage], None]:
    def refuse(stage: Stage) -> None:
        live = stage.live()
        environment = {**stage.knobs["app_environment"], "LOAD_BREAK": how}
        operations.refused(words, app_environment=environment, gate_timeout=gate_timeout)(stage)
        assert stage.live() == live

    return refuse


def switch(framework: str) -> Callable[[Stage], None]:
    def switched(stage: Stage) -> None:
        with long_exchanges(stage):
            stage.change(operations.switch_to(framework), web_framework=framework)
        assert stage.get("/version").startswith(framework)

    return switched


EACH: list[tuple[str, Callable[[Stage], None]]] = [
    ("new code", new_code),
    ("scale 2 to 4", scaled(4)),
    ("scale 4 to 1", scaled(1)),
    ("scale 1 to 2", scaled(2)),
    ("rolling restart", operations.rolling_restart),
    ("supervisorctl restart of all workers", operations.restart_of_all_workers),
    ("restart of the bootstrap", operations.restart_of_the_bootstrap),
    ("change of a setting", change_of_a_setting),
    ("rollback", rollback),
    ("supervisorctl reload", operations.reload),
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
    (
        "supervisorctl restart of the neighbour (TLS, IPv6)",
        unusual.of_the_neighbour(operations.restart_of_all_workers),
    ),
    ("supervisorctl reload, both", unusual.of_the_neighbour(operations.reload)),
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
