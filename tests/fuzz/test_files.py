"""What stands in folders on a host: state files, manifests, an environment, a lock. An accident, or another, was at them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mooring.casts import COLOURS
from mooring.host import hook, integrity, live, lock, releases
from mooring.host.files import WrongFileError
from mooring.host.live import Live
from mooring.settings import WrongSettingsError, read_secrets
from support import fuzzing
from support.fuzzing import PARSER, bounded, check_json, check_plain, documents

LIVE = {
    "colour": "blue",
    "release": "0123456789ab",
    "previous": "ab0123456789",
    "built": "1-2",
    "program": "f" * 64,
}
RELEASE = {
    "instance": "api",
    "workers": 2,
    "framework": "django",
    "url": "tcp://127.0.0.1:9001",
    "sealed": True,
}
ENVIRONMENT = {"PATH": "/srv/venv/bin:/usr/bin", "MOORING_WORKERS": 2, "DEBUG": False}
SECRETS = {"TOKEN": "a secret"}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """An instance's folder, with one release; a target writes its file anew for each example."""
    folder = Path(tempfile.mkdtemp(prefix="mooring-fuzz-"))
    (folder / "releases/0123456789ab").mkdir(parents=True)
    (folder / "venvs").mkdir()
    yield folder
    shutil.rmtree(folder)


@contextmanager
def holding(path: Path, content: bytes) -> Iterator[None]:
    """Have a file hold this, for one example."""
    path.write_bytes(content)
    try:
        with bounded():
            yield
    finally:
        path.unlink()


def check_refusal(error: Exception) -> None:
    assert str(error)
    assert len(str(error)) < 1000


@settings(PARSER)
@given(documents(LIVE))
@example(b"[" * 500 + b"]" * 500)
def test_live_json(home: Path, content: bytes) -> None:
    with holding(home / "live.json", content):
        try:
            found = live.read(home)
        except WrongFileError as error:
            check_plain(str(error))
            return
    assert type(found) is Live
    assert found.colour in COLOURS
    assert live.NAME.fullmatch(found.release)
    assert not found.previous or live.NAME.fullmatch(found.previous)
    assert type(found.built) is type(found.program) is str


@settings(PARSER)
@given(documents(RELEASE))
@example(b'{"instance": "api", "workers": -2}')
@example(b'{"instance": "api", "workers": 2, "load": 1e999}')
@example(b'{"instance": "api", "workers": 2, "role": "live", "built": "x", "release": "../x"}')
def test_release_json(home: Path, content: bytes) -> None:
    with holding(home / "releases/0123456789ab/release.json", content):
        try:
            found = live.manifest(home, "0123456789ab")
        except WrongFileError as error:
            check_plain(str(error))
        else:
            check_json(found)
            assert type(found["instance"]) is str
            assert type(found["workers"]) is int
            assert found["workers"] > 0
        (home / "releases/0123456789ab/manifest.json").touch()
        listed = releases.releases(home)
        (home / "releases/0123456789ab/manifest.json").unlink()
    assert [(each["release"], each["role"], type(each["built"])) for each in listed] == [
        ("0123456789ab", "", float)
    ]
    check_json(listed)


ENTRIES = {
    "entries": {
        "file": ["file", "0444", "e" * 64],
        "folder": ["folder", "0555"],
        "link": ["link", "", "file"],
        "gone": ["file", "0444", "e" * 64],
    }
}


@settings(PARSER)
@given(documents(ENTRIES))
@example(b'{"entries": {"file": []}}')
@example(b'{"entries": {"file": null}}')
def test_the_manifest_of_a_release(home: Path, content: bytes) -> None:
    tree = home / "venvs/tree"
    if not tree.exists():
        (tree / "folder").mkdir(parents=True)
        (tree / "file").write_text("x")
        (tree / "link").symlink_to("file")
    with holding(tree / "manifest.json", content):
        found = integrity.problems_of_tree(tree)
        chosen = integrity.choose("virtualenv", home / "venvs", "tree")
    assert all(type(each) is str for each in found)
    assert found  # what a file holds is not what an example makes up
    assert chosen["exists"] is False
    assert chosen["name"] == "tree-2"
    check_json(chosen)
    for each in chosen["damaged"]["tree"]:
        check_plain(each)


@settings(PARSER)
@given(documents(LIVE))
@example(b'{"release": [], "previous": {}}')
def test_what_live_json_keeps_from_a_removal(home: Path, content: bytes) -> None:
    with holding(home / "live.json", content):
        used = integrity._in_use("release", home / "releases")
    assert all(type(each) is str for each in used)


@settings(PARSER)
@given(documents(ENVIRONMENT), documents(SECRETS))
def test_the_environment_of_a_release(home: Path, environment: bytes, secrets: bytes) -> None:
    release = home / "releases/0123456789ab"
    with holding(release / "environment.json", environment), holding(release / "secrets.json", secrets):
        with contextlib.suppress(WrongSettingsError):
            assert {type(each) for each in read_secrets(release / "secrets.json").values()} <= {str}
        try:
            found = hook.environment_of(release)
        except hook.HookError as error:
            check_plain(str(error))
            return
        except WrongSettingsError as error:
            for problem in error.problems:
                check_plain(problem)
            return
    assert found["PATH"]
    assert {type(each) for each in [*found, *found.values()]} == {str}


HOLDERS = st.one_of(
    st.sampled_from(["root@controller, process 12, since 10:00", "root@controller, process 0, since x"]),
    st.builds("{}@{}, process {}, since {}".format, *[fuzzing.TEXTS] * 4),
    st.builds("a@b, process {}, since x".format, st.integers()),
    fuzzing.TEXTS,
).map(lambda text: text.encode("utf-8", "surrogatepass").replace(b"\0", b"")[:4000])


@settings(PARSER)
@given(HOLDERS.filter(bool))
@example(b"a@b, process " + b"9" * 4000 + b", since x")
@example(b"\xff\x9b@b, process 7, since x")
def test_the_lock_of_an_instance(home: Path, holder: bytes) -> None:
    path = home / "deploy.lock"
    path.symlink_to(os.fsdecode(holder))
    order = {"path": str(path), "owner": "me", "break_owner": "", "release": False, "check": False}
    said = io.StringIO()
    try:
        with bounded(), contextlib.redirect_stdout(said):
            assert lock.main(json.dumps(order)) == 0
        answer = json.loads(said.getvalue())
        assert answer["taken"] is (holder == b"me")
        assert type(answer["holder"]) is type(answer["holder_who"]) is str
        check_plain(answer["holder_who"])
        assert 0 <= answer["holder_pid"] < 10**7
        # The very text is given to break the lock
        with contextlib.redirect_stdout(io.StringIO()) as said:
            assert lock.main(json.dumps({**order, "break_owner": answer["holder"]})) == 0
        assert json.loads(said.getvalue())["taken"] is True
    finally:
        path.unlink()
