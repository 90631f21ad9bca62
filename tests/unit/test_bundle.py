"""The bundle for a target's virtualenv: what goes in decides its id, and only what fits the target goes in."""

from __future__ import annotations

import importlib.util
import json
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
HASH = "--hash=sha256:" + "0" * 64
OTHER = "--hash=sha256:" + "1" * 64
TARGET = {"python_full_version": "3.10.4", "python_version": "3.10", "sys_platform": "linux"}


@pytest.fixture(scope="module")
def bundle() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundle", REPOSITORY / "tools/bundle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "greeter"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "greeter"\nversion = "1.0"\nrequires-python = ">=3.10"\n'
        '[tool.hatch.build.targets.wheel]\ninclude = ["greeter.py"]\n'
    )
    (folder / "greeter.py").write_text("GREETING = 'hello'\n")
    return folder


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def command(project: Path, cache: Path, *more: str) -> list[str]:
    target = ["--python-version", "3.11.2", "--machine", "x86_64", "--glibc", "2.36"]
    return ["--source", str(project), "--cache", str(cache), *target, *more]


def run(bundle: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> Any:
    assert bundle.main(arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_markers_are_those_of_the_target(bundle: ModuleType, tmp_path: Path) -> None:
    lock = write(
        tmp_path / "lock.txt",
        f"new==2 ; python_full_version >= '3.11' \\\n    {HASH}\nold==1 ; python_full_version < '3.11' \\\n    {HASH}\n"
        f"windows==1 ; sys_platform == 'win32' \\\n    {HASH}\n# a comment\nalways==3 {HASH} {OTHER}\n",
    )
    assert bundle.requirements_for([lock], TARGET) == [f"always==3 {HASH} {OTHER}", f"old==1 {HASH}"]


@pytest.mark.parametrize(
    "line", ["flask", "flask==3.0", f"flask>=3.0 {HASH}", "-r other.txt", "--index-url x"]
)
def test_what_is_not_pinned_with_a_hash_is_refused(bundle: ModuleType, tmp_path: Path, line: str) -> None:
    with pytest.raises(bundle.BundleError, match=r"lock\.txt"):
        bundle.requirements_for([write(tmp_path / "lock.txt", line + "\n")], TARGET)


def test_two_pins_of_one_project_are_refused(bundle: ModuleType, tmp_path: Path) -> None:
    one, two = (
        write(tmp_path / "one.txt", f"a_b==1 {HASH}\n"),
        write(tmp_path / "two.txt", f"A-b==2 {HASH}\n"),
    )
    with pytest.raises(bundle.BundleError, match="contradicts"):
        bundle.requirements_for([one, two], TARGET)


def test_platforms_reach_down_to_what_wheels_are_built_for(bundle: ModuleType) -> None:
    tags = bundle.platforms("aarch64", (2, 19))
    assert tags == [
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
        "linux_aarch64",
    ]


def test_the_bundle_holds_wheel_and_hash_and_is_built_once(
    bundle: ModuleType, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(bundle, capsys, command(project, tmp_path / "cache"))
    assert first["built"] is True
    with tarfile.open(first["path"]) as archive:
        assert sorted(archive.getnames()) == ["greeter-1.0-py3-none-any.whl", "requirements.txt"]
        listing = archive.extractfile("requirements.txt")
        assert listing is not None
        assert b"greeter==1.0 --hash=sha256:" in listing.read()
    assert run(bundle, capsys, command(project, tmp_path / "cache")) == {**first, "built": False}


def test_the_id_follows_what_goes_in(
    bundle: ModuleType, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def identity(*more: str) -> str:
        return str(run(bundle, capsys, [*command(project, tmp_path / "cache"), "--dry-run", *more])["id"])

    before = identity()
    assert identity("--machine", "aarch64") != before
    assert identity("--python-version", "3.12.0") != before
    assert identity("--python-version", "3.11.9") == before
    (project / "__pycache__").mkdir()
    (project / "__pycache__" / "greeter.pyc").write_text("x")
    assert identity() == before
    (project / "greeter.py").write_text("GREETING = 'good day'\n")
    assert identity() != before
    assert not (tmp_path / "cache").exists()


def test_a_source_that_does_not_exist_is_named(
    bundle: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bundle.main(command(tmp_path / "nowhere", tmp_path)) == 1
    assert "nowhere does not exist (app_source" in capsys.readouterr().err


def test_a_source_that_does_not_build_says_why(
    bundle: ModuleType, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pyproject.toml").write_text(
        (project / "pyproject.toml").read_text().replace("1.0", "not a version")
    )
    assert bundle.main(command(project, tmp_path / "cache")) == 1
    error = capsys.readouterr().err
    assert "does not build into a wheel" in error
    assert "version" in error
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("static/dist/app.js", True),
        ("build/tool.py", False),
        ("dist/greeter-1.0.tar.gz", False),
        ("greeter.egg-info/PKG-INFO", False),
        ("src/greeter.egg-info/PKG-INFO", False),
        ("__pycache__/greeter.pyc", False),
    ],
)
def test_what_is_the_project_s_own_counts_and_what_a_build_leaves_does_not(
    bundle: ModuleType, project: Path, name: str, counts: bool
) -> None:
    before = bundle.source_digest(project)
    (project / name).parent.mkdir(parents=True)
    (project / name).write_text("new")
    assert (bundle.source_digest(project) != before) is counts
