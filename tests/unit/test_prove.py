"""The proof without a deployment: its settings, its operations' own checks, its command line, its private folder."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from prove import operations
from prove.__main__ import main
from prove.deployment import _ADHOC, Deployment
from prove.errors import OperationError, SettingsError
from prove.load import PYTHONPATH
from prove.operations import Act, Played
from prove.proof import load_options
from prove.settings import chosen, read, wrong
from prove.state import Process, State, result

GIVEN: dict[str, Any] = {
    "url": "http://127.0.0.1:1", "allow": [], "host": "", "get_path": "/", "get_status": 200, "get_same": True,
    "post_path": "/count", "post_body": '{"id": "%(id)s"}', "post_answer": "", "count_file": "", "rate": 100,
    "requests": 1000, "timeout": 30, "skip": [], "only": [], "report": "/tmp/report", "hang": 5, "workers": 2,
    "framework": "django", "wsgi_apps": {"django": "site:django", "pecan": "site:pecan"}, "environment": {},
    "instance": "greeter", "home": "/nowhere/instances/greeter", "supervisor": "/nowhere/supervisor",
    "hostname": "localhost", "site": {},
    "controller": {"folder": "/", "bin": "/", "inventories": [], "config": "", "local": True},
}  # fmt: skip


# --- settings ------------------------------------------------------------------------------------------------


def test_right_settings_are_taken() -> None:
    found = read({**GIVEN, "rate": "250", "allow": ["api1"]})
    assert (found.rate, found.allow, found.controller.local) == (250, ("api1",), True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rate", 0, "prove_rate is 0. Write a whole number from 1 to 5000"),
        ("requests", "many", 'prove_requests is "many". Write a whole number'),
        ("timeout", 601, "prove_timeout is 601."),
        ("hang", -1, "prove_hang is -1."),
        ("post_path", "count", 'prove_post_path is "count". Write a path'),
        ("post_body", "100%", 'prove_post_body is "100%". Write %(id)s'),
        ("post_answer", "%(name)s", 'prove_post_answer is "%(name)s". Write %(id)s'),
        ("report", "build", 'prove_report is "build". Write the absolute path'),
        ("count_file", "/no/such/file", "there is no such file on this machine"),
    ],
)
def test_each_wrong_setting_is_named(name: str, value: object, words: str) -> None:
    (found,) = wrong({**GIVEN, name: value})
    assert words in found


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        read({**GIVEN, "rate": 0, "post_path": "x"})
    assert len(str(refused.value).splitlines()) == 2
    with pytest.raises(SettingsError, match="lack url and have unknown uri"):
        read({**{name: value for name, value in GIVEN.items() if name != "url"}, "uri": ""})


def test_which_operations_are_done() -> None:
    names = ["a", "b", "c"]
    assert chosen(read(GIVEN), names) == names
    assert chosen(read({**GIVEN, "skip": ["b"]}), names) == ["a", "c"]
    assert chosen(read({**GIVEN, "only": ["c", "b"], "skip": ["b"]}), names) == ["c"]
    with pytest.raises(SettingsError, match="prove_only has d, which is no operation"):
        chosen(read({**GIVEN, "only": ["d"]}), names)


def test_what_the_load_is_told() -> None:
    options = load_options(read({**GIVEN, "host": "api", "post_answer": "%(id)s", "allow": ["one", "two"]}))
    assert "--allow=one --allow=two --host api --expect-same --post /count" in " ".join(options)
    assert options[-2:] == ["--expect-body", "%(id)s"]
    assert "--post" not in load_options(read({**GIVEN, "post_path": ""}))


# --- operations ----------------------------------------------------------------------------------------------


def state(first_pid: int = 100, **more: Any) -> State:
    workers = tuple(Process(f"greeter-blue:{number}", first_pid + number, True) for number in range(2))
    found = State("r1", "r0", ("r1", "r0"), "django", Process("greeter-bootstrap", 99, True), workers)
    return replace(found, **more)


@dataclass
class Scripted:
    """An operator whose host tells these states, one after the other, and whose playbooks end so."""

    states: list[State]
    played: Played = field(default_factory=lambda: Played(0, ""))
    done: list[str] = field(default_factory=list)
    instance: str = "greeter"

    def play(self, playbook: str, **changes: Any) -> Played:
        self.done.append(f"{playbook} {changes}")
        return self.played

    def supervisorctl(self, *words: str) -> str:
        self.done.append(" ".join(words))
        return ""

    def look(self) -> State:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


NEW = state(200)
RESTARTED = replace(state(), bootstrap=Process("greeter-bootstrap", 98, True))
BROKEN = Played(2, "What serves now: release r1 (blue): it serves.")
ENTRY = operations.refused("no module", wsgi_apps={})


@pytest.mark.parametrize(
    ("act", "before", "after"),
    [
        (operations.new_release(workers=2), [state()], state(200, release="r2", previous="r1")),
        (operations.rollback, [state()], state(200, release="r0", previous="r1")),
        (operations.scale(2), [], NEW),
        (operations.switch_to("pecan"), [], state(200, framework="pecan")),
        (operations.rolling_restart, [state()], NEW),
        (operations.restart_of_all_workers, [state()], NEW),
        (operations.restart_of_the_bootstrap, [state()], RESTARTED),
        (operations.reload, [state()], replace(NEW, bootstrap=RESTARTED.bootstrap)),
    ],
)
def test_an_operation_that_was_done_is_told_from_one_that_was_not(
    act: Act, before: list[State], after: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "READY_WITHIN", 0.3)
    act(Scripted([*before, after]))
    other = state(workers=state().workers[:1])
    with pytest.raises(OperationError):
        act(Scripted([*before, other]))
    with pytest.raises(OperationError):
        act(Scripted([*before, replace(after, bootstrap=None)]))


def test_a_playbook_that_fails_fails_the_operation_with_its_last_lines() -> None:
    with pytest.raises(
        OperationError, match=r"deploy.yml should have succeeded; it ended with status 2[\s\S]*the reason"
    ):
        operations.scale(2)(Scripted([state()], Played(2, "the reason\n")))


@pytest.mark.parametrize(
    ("played", "after"),
    [
        (Played(0, "no module. " + BROKEN.output), state()),
        (BROKEN, state()),
        (Played(2, "no module"), state()),
        (Played(2, "no module. What serves now: release r0 (blue): it serves."), state()),
        (Played(2, "no module. " + BROKEN.output), NEW),
    ],
)
def test_a_release_that_is_not_refused_as_it_must_be_is_told(played: Played, after: State) -> None:
    ENTRY(Scripted([state(), state()], Played(2, "no module. " + BROKEN.output)))
    with pytest.raises(OperationError):
        ENTRY(Scripted([state(), after], played))


def names(workers: int, *frameworks: str) -> list[str]:
    every = operations.of_a_site(
        workers=workers,
        framework="django",
        wsgi_apps=dict.fromkeys(frameworks, "a:b"),
        environment={},
        hang=5,
    )
    return [operation.name for operation in every]


def test_the_operations_of_a_site() -> None:
    both = names(2, "django", "pecan")
    assert len(both) == len(set(both)) == 16
    assert both[2:7] == ["scale to 4", "scale to 1", "scale to 2", "switch to pecan", "switch to django"]
    assert len(names(2, "django")) == 14
    assert names(1, "django")[2:5] == ["scale to 2", "scale to 1", "rolling restart"]


def test_two_generations_are_no_one() -> None:
    green = Process("greeter-green:0", 7, True)
    with pytest.raises(OperationError, match="greeter-blue, greeter-green"):
        _ = state(workers=(*state().workers, green)).group


def test_what_a_host_answers_is_read_whatever_the_caller_wants_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As molecule, and many a CI, run Ansible: in colours, with another callback."""
    monkeypatch.setenv("ANSIBLE_FORCE_COLOR", "1")
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "default")
    controller = {
        "folder": str(tmp_path),
        "bin": str(Path(sys.executable).parent),
        "config": "",
        "local": False,
    }
    given = {
        **GIVEN,
        "controller": {**controller, "inventories": ["localhost,"]},
        "site": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
    }
    one = Deployment(read(given), tmp_path)
    assert one._on_host(["cat"], "some words").splitlines() == ["some words"]


def test_what_a_host_says_is_read() -> None:
    assert result('{"progress": "one"}\n{"result": {"changed": false}}\na warning\n') == {"changed": False}
    with pytest.raises(OperationError, match="somebody has the lock"):
        result('{"refused": {"message": "somebody has the lock", "status": 1}}')
    with pytest.raises(OperationError, match="has not answered: bash: no such file"):
        result("bash: no such file")
    done = _ADHOC.search('a warning\nhost1 | CHANGED | rc=0 >>\n{"a": 1}\n')
    assert done is not None
    assert done["text"] == '{"a": 1}\n'


# --- the command line ----------------------------------------------------------------------------------------


def given(folder: Path, **more: object) -> str:
    path = folder / "settings.json"
    path.write_text(json.dumps({**GIVEN, **more}))
    return str(path)


def test_it_lists_its_operations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--settings", given(tmp_path), "--list"]) == 0
    assert "restart of the bootstrap" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("words", "more", "status", "said"),
    [
        ([], {"rate": 0}, 2, "prove_rate is 0."),
        (["--skip", "rollbck"], {}, 2, "prove_skip has rollbck, which is no operation of this proof."),
        ([], {}, 3, "there is no answer with status 200: ConnectionRefusedError"),
        (["--check"], {"url": "ftp://one"}, 3, "prove_url is no http:// or https:// address"),
    ],
)
def test_what_cannot_be_is_refused_by_its_status(
    words: list[str],
    more: dict[str, Any],
    status: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = given(tmp_path, **more)
    assert main(["--settings", path, *words]) == status
    assert said in capsys.readouterr().err
    assert main(["--settings", path, "--json", *words]) == status
    told = json.loads(capsys.readouterr().out)["refused"]
    assert told["status"] == status
    assert said in told["message"]


@pytest.mark.parametrize(
    ("text", "said"), [("{", "no JSON"), ("[]", "no JSON object"), (None, "No such file")]
)
def test_settings_that_cannot_be_read(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "settings"
    if text is not None:
        path.write_text(text)
    assert main(["--settings", str(path)]) == 2
    assert said in capsys.readouterr().err


# --- its private folder --------------------------------------------------------------------------------------

HOLDS = """
import signal
from prove.proof import _private_folder
with _private_folder() as folder:
    (folder / "site.json").touch()
    print(folder, flush=True)
    signal.pause()
"""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


def test_its_folder_goes_with_it_however_it_ends() -> None:
    words = [sys.executable, "-c", HOLDS]
    with subprocess.Popen(
        words, env={"PYTHONPATH": PYTHONPATH}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert (folder / "site.json").exists()
        assert folder.stat().st_mode & 0o777 == 0o700
        process.kill()
    until(lambda: not folder.exists())
