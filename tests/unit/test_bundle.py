"""The bundle for a target's virtualenv: what goes in decides its id, and only what fits the target goes in."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from bundle import listing
from bundle.target_python import TargetPython
from support.bundles import command, greeter, held, refused, run, wheel_of_files, write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return greeter(tmp_path / "greeter")


def test_platforms_reach_down_to_what_wheels_are_built_for() -> None:
    assert TargetPython("3.11.2", "aarch64", "2.19").platforms == [
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
        "linux_aarch64",
    ]


def test_the_bundle_holds_wheel_and_hash_and_is_built_once(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(capsys, command(tmp_path / "cache", "--source", project))
    assert first["built"] is True
    with tarfile.open(first["path"]) as archive:
        assert sorted(archive.getnames()) == ["greeter-1.0-py3-none-any.whl", "requirements.txt"]
        listing = archive.extractfile("requirements.txt")
        assert listing is not None
        assert b"greeter==1.0 --hash=sha256:" in listing.read()
    assert run(capsys, command(tmp_path / "cache", "--source", project)) == {**first, "built": False}


def test_nothing_of_the_application_chooses_the_pip_that_installs_it(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a pin nor a source: theirs are installed as any other package is."""
    ours = tmp_path / "ours"
    line = wheel_of_files(ours, "pip", files={"pip/__main__.py": "ours"}, version="26.3")[1]
    installer = write(ours / "installer.txt", f"{line}\n")
    theirs = wheel_of_files(tmp_path / "theirs", "pip", files={"pip/__main__.py": "theirs"}, version="26.3")
    beside = wheel_of_files(tmp_path / "others", "a", files={"a.py": ""})
    options = f"--no-index\n--find-links ../others\n--find-links {ours}\n"
    lock = write(tmp_path / "lock/pip.txt", f"{options}pip @ file://{theirs[0]} {theirs[1].split()[1]}\n")
    other = write(tmp_path / "lock/other.txt", f"{options}{beside[1]}\n")
    given = [
        ("--app-requirements", lock),
        ("--app-requirements", other, "--source", theirs[0]),
        ("--app-requirements", other),
    ]
    for more in given:
        arguments = command(tmp_path / "cache", "--installer", installer, *more)
        path = run(capsys, arguments)["path"]
        wheels = {
            name: archive.read("pip/__main__.py").decode()
            for name, archive in held(path).items()
            if "pip" in name
        }
        name = "pip-26.3-py3-none-any.whl"
        assert wheels == {f"installer/{name}": "ours", **({name: "theirs"} if more != given[2] else {})}
        with tarfile.open(path) as archive:
            listing = archive.extractfile("requirements.txt")
            assert listing is not None
            assert (theirs[1].encode() in listing.read()) == (more != given[2])


def test_the_id_follows_what_the_build_ships(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def identity(python: str = "3.11.2", *more: str) -> str:
        arguments = command(tmp_path / "cache", "--source", project, *more, python=python)
        return str(run(capsys, arguments)["id"])

    before = identity()
    assert identity("3.11.2", "--machine", "aarch64") != before
    assert identity("3.12.0") != before
    assert identity("3.11.9") == before
    # What a test run, a server or an editor leaves; what the wheel does not hold.
    for name in (
        "__pycache__/greeter.pyc",
        ".pytest_cache/x",
        "db.sqlite3",
        "node_modules/a/b.js",
        "tests/test_it.py",
    ):
        write(project / name, "x")
    write(project / "env/pyvenv.cfg", "home = /usr/bin\n")
    write(project / "env/lib/x.py", "x")
    assert identity() == before
    write(project / "greeter.py", "GREETING = 'good day'\n")
    assert identity() != before


def test_an_unchanged_source_builds_nothing(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = command(tmp_path / "cache", "--source", project)
    first = run(capsys, arguments)
    monkeypatch.setattr("bundle.sources.build_wheel", None)
    assert run(capsys, arguments)["id"] == first["id"]


def test_the_source_folder_is_never_written_and_no_old_output_is_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = greeter(tmp_path / "greeter", requires='"setuptools"', backend="setuptools.build_meta")
    # What an earlier build in place has left, with a module that the project no longer has.
    write(project / "build/lib/hello/old.py", "")
    write(project / "greeter.egg-info/SOURCES.txt", "hello/old.py\n")
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    project.chmod(0o555)
    told = run(capsys, command(tmp_path / "cache", "--source", project))
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before
    (wheel,) = held(told["path"]).values()
    assert [name for name in wheel.namelist() if name.startswith("hello/")] == ["hello/__init__.py"]


def test_a_deleted_module_is_gone_from_the_next_bundle(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        project / "pyproject.toml", (project / "pyproject.toml").read_text().replace('"greeter.py"', '"*.py"')
    )
    old = write(project / "old.py", "")
    (first,) = held(run(capsys, command(tmp_path / "cache", "--source", project))["path"]).values()
    old.unlink()
    (second,) = held(run(capsys, command(tmp_path / "cache", "--source", project))["path"]).values()
    assert "old.py" in first.namelist()
    assert "old.py" not in second.namelist()


def test_a_source_that_does_not_exist_is_named_with_its_neighbour(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, command(tmp_path / "cache", "--source", tmp_path / "greter"))
    assert error.startswith(f"app_source: {tmp_path}/greter does not exist")
    assert f"did you mean {project}?" in error
    assert not (tmp_path / "cache").exists()


def test_a_source_that_does_not_build_says_why(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        project / "pyproject.toml", (project / "pyproject.toml").read_text().replace("1.0", "not a version")
    )
    error = refused(capsys, command(tmp_path / "cache", "--source", project))
    assert f"app_source: {project} does not build into a wheel" in error
    assert "version" in error
    assert "ValueError" in error
    (log,) = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert str(log) in error
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("greeter-1.0.tar.gz", b"x", "is a source archive: unpack it"),
        ("greeter.whl", b"x", "is no wheel (name-version"),
        ("greeter-1.0-py3-none-any.whl", b"x", "is a damaged wheel"),
    ],
)
def test_a_file_that_is_no_wheel_is_refused(
    name: str, content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / name, content)
    assert words in refused(capsys, command(tmp_path / "cache", "--source", file))
    if "damaged" in words:  # a zip archive that is nothing else
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x", "x")
        assert words in refused(capsys, command(tmp_path / "cache", "--source", file))


def test_a_source_that_wants_another_python_is_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project / "pyproject.toml", (project / "pyproject.toml").read_text().replace(">=3.10", ">=3.11.5"))
    assert run(capsys, command(tmp_path / "cache", "--source", project, python="3.11.5"))["built"] is True
    error = refused(capsys, command(tmp_path / "cache", "--source", project, python="3.11.4"))
    assert f"app_source: {project} wants Python >=3.11.5, and the target's is 3.11.4" in error


def test_a_cache_that_cannot_be_written_is_named(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = write(tmp_path / "cache", "a file")
    assert f"(the bundles are kept in {cache})" in refused(capsys, command(cache, "--source", project))


def test_what_two_runs_make_at_once_is_kept_once(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write(tmp_path / name / "a.whl", name)
        listing.keep(tmp_path / name, tmp_path / "kept")
    assert [path.read_text() for path in (tmp_path / "kept").rglob("*")] == ["first"]


def test_compiled_code_for_another_target_is_refused() -> None:
    here = TargetPython("3.11.2", "x86_64", "2.36")
    here.check_built("a-1-py3-none-any.whl", "a")
    here.check_given("a-1-cp311-cp311-manylinux_2_28_x86_64.whl")
    here.check_given("a-1-cp38-abi3-manylinux2014_x86_64.whl")
    for wheel in (
        "a-1-cp312-cp312-manylinux_2_28_x86_64.whl",
        "a-1-cp311-cp311-manylinux_2_39_x86_64.whl",
        "a-1-cp311-cp311-macosx_11_0_arm64.whl",
    ):
        with pytest.raises(Exception, match=r"does not fit the target \(Python 3.11, x86_64, glibc 2.36\)"):
            here.check_given(wheel)
    with pytest.raises(Exception, match=r"a has compiled code: .* name a wheel of a"):
        TargetPython("3.12.0", "x86_64", "2.36").check_built("a-1-cp311-cp311-linux_x86_64.whl", "a")
    with pytest.raises(
        Exception, match="a has compiled code"
    ):  # linked to a newer C library than the target's
        TargetPython("3.11.2", "x86_64", "2.17").check_built("a-1-cp311-cp311-linux_x86_64.whl", "a")
