"""What stands in folders on a host: state files, manifests, an environment, a lock. An accident, or another, was at them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mooring.casts import COLOURS
from mooring.host import errors, hook, integrity, live, lock, releases
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
@given(st.one_of(HOLDERS, fuzzing.documents(lock.record(1))))
@example(b'{"run": 1}')
@example(b"\xff\x9b")
def test_the_lock_of_an_instance(home: Path, content: bytes) -> None:
    """Whatever stands in the file, a command goes in, or is refused in plain words; a record keeps its kinds."""
    path = home / "lock"
    path.write_bytes(content)
    with bounded():
        try:
            with lock.changing(path, "", lambda _: None) as held:
                assert held.holder() == {}
        except errors.LockedError as refusal:
            check_plain(str(refusal))
            assert lock.is_record(refusal.holder)
        except errors.HostError as refusal:
            assert "no lock of Mooring's" in str(refusal)
