"""Requirements files as others write them: read, or refused in one sentence with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundle.errors import BundleError
from bundle.reading import Read, read
from bundle.requirements import Wanted, ranges, wanted
from bundle.target_python import TargetPython
from support.bundles import HASH, OTHER, command, greeter, refused, write
from support.places import REPOSITORY

REQUIREMENTS = REPOSITORY / "requirements"
TARGET = TargetPython("3.10.4", "x86_64", "2.36")


def lines(path: Path, *base: Path) -> list[str]:
    return wanted(base, [path], TARGET).lines()


def error_of(path: Path, *base: Path) -> str:
    with pytest.raises(BundleError) as caught:
        wanted(base, [path], TARGET)
    return str(caught.value)


def test_markers_are_those_of_the_target(tmp_path: Path) -> None:
    lock = write(
        tmp_path / "lock.txt",
        f"new==2 ; python_full_version >= '3.11' \\\n    {HASH}\nold==1 ; python_full_version < '3.11' \\\n    {HASH}\n"
        f"windows==1 ; sys_platform == 'win32' or os_name == 'nt' \\\n    {HASH}\n# a comment\nalways==3 {HASH} {OTHER}\n",
    )
    assert lines(lock) == [f"always==3 {HASH} {OTHER}", f"old==1 {HASH}"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_encoding_is_read(tmp_path: Path, encoding: str, newline: str) -> None:
    text = f"# für alle\na==1 \\\n    {HASH}\n".replace("\n", newline)
    assert lines(write(tmp_path / "lock.txt", text.encode(encoding))) == [f"a==1 {HASH}"]


def test_options_that_say_where_packages_are_go_on_to_pip(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    lock = write(
        tmp_path / "lock.txt",
        "--index-url https://one.example/simple\n-i https://two.example/simple\n--extra-index-url=https://three.example/\n"
        "--find-links wheels\n-f https://four.example/\n--trusted-host four.example\n--require-hashes\n--pre\n"
        f"--only-binary :all:\n--no-binary a,B_c\na==1 {HASH}\n",
    )
    found = wanted([], [lock], TARGET)
    assert found.index == [
        *("--index-url", "https://one.example/simple", "--index-url", "https://two.example/simple"),
        *("--extra-index-url", "https://three.example/", "--find-links", str(tmp_path / "wheels")),
        *("--find-links", "https://four.example/", "--trusted-host", "four.example"),
    ]
    assert found.no_binary == {"a", "b-c"}
    assert found.lines() == [f"a==1 {HASH}"]


def test_other_files_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "sub/base.txt", f"b==2 {HASH}\n-c limits.txt\n")
    write(tmp_path / "sub/limits.txt", "b<3\n")
    lock = write(tmp_path / "lock.txt", f"-r sub/base.txt\na==1 {HASH}\n")
    assert lines(lock) == [f"a==1 {HASH}", f"b==2 {HASH}"]
    write(tmp_path / "sub/limits.txt", "b<2\n")
    assert "b==2 contradicts b<2" in error_of(lock)
    write(tmp_path / "sub/base.txt", "-r ../lock.txt\n")
    assert "includes itself" in error_of(lock)
    assert "does not exist" in error_of(write(tmp_path / "lock.txt", "-r sub/bas.txt\n"))
    assert f"did you mean {tmp_path}/sub/base.txt?" in error_of(tmp_path / "lock.txt")


def test_a_url_needs_a_name_and_a_hash(tmp_path: Path) -> None:
    url = "https://example.org/a-1-py3-none-any.whl"
    digest = HASH.removeprefix("--hash=sha256:")
    assert lines(write(tmp_path / "lock.txt", f"A @ {url} {HASH}\n")) == [f"a @ {url} {HASH}"]
    assert lines(write(tmp_path / "lock.txt", f"a @ {url}#sha256={digest}\n")) == [
        f"a @ {url}#sha256={digest} {HASH}"
    ]
    assert "carries no hash" in error_of(write(tmp_path / "lock.txt", f"a @ {url}\n"))
    assert f"write `name @ {url}" in error_of(write(tmp_path / "lock.txt", f"{url} {HASH}\n"))
    git = error_of(write(tmp_path / "lock.txt", f"a @ git+https://example.org/a.git {HASH}\n"))
    assert "comes from git, which has no hash: clone it, and name its folder in app_source" in git


def test_extras_and_duplicate_lines_are_one_pin(tmp_path: Path) -> None:
    lock = write(tmp_path / "lock.txt", f"A_b[x,y]==1 {HASH}\na-B==1 {OTHER}\na.b==1 {HASH}\n")
    assert lines(lock) == [f"a-b==1 {HASH} {OTHER}"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("flask", "carries no pinned version with a hash"),
        ("flask==3.0", "carries no hash"),
        (f"flask>=3.0 {HASH}", "carries no pinned version"),
        (f"flask==3.* {HASH}", "carries no pinned version"),
        (f"flask=3.0 {HASH}", "is no requirement"),
        ("flask==3.0 --hash=sha256:12", "is no hash"),
        ("flask==3.0 --hash=md5:" + "0" * 32, "is no hash"),
        (f"flask==3.0 --frobnicate {HASH}", "--frobnicate is not understood"),
        ("--frobnicate x", "--frobnicate is not understood"),
        ("-e git+https://example.org/a.git#egg=a", "clone it, and name its folder in app_source"),
        ("-e 'unbalanced", "cannot be read"),
        ("<html>", "is no requirement"),
    ],
)
def test_what_cannot_be_installed_is_refused_with_the_way_out(tmp_path: Path, line: str, words: str) -> None:
    error = error_of(write(tmp_path / "lock.txt", f"# a comment\n{line}\n"))
    assert error.startswith(str(tmp_path / "lock.txt"))
    assert words in error


def test_what_is_no_requirements_file_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in error_of(tmp_path)
    assert "app_requirements: " in error_of(tmp_path / "nowhere.txt")
    assert "is no text file" in error_of(write(tmp_path / "lock.txt", b"\xff\xfe\x00\xd8x"))
    assert "is no requirement" in error_of(
        write(tmp_path / "uv.lock", 'version = 1\nrequires-python = ">=3.11"\n')
    )


def test_two_pins_of_one_project_are_refused(tmp_path: Path) -> None:
    two = write(tmp_path / "two.txt", f"a_b==1 {HASH}\nA-b==2 {HASH}\n")
    assert "a-b==2 contradicts a-b==1" in error_of(two)


def test_the_application_s_pin_wins_within_the_tested_range(tmp_path: Path) -> None:
    base = write(tmp_path / "runtime.txt", f"greenlet==3.5.6 {HASH}\nhttptools==0.9.0 {HASH}\n")
    write(tmp_path / "runtime.in", "# ranges\ngreenlet>=3.1,<4\n")
    assert lines(write(tmp_path / "lock.txt", f"greenlet==3.5.0 {OTHER}\n"), base) == [
        f"greenlet==3.5.0 {OTHER}",
        f"httptools==0.9.0 {HASH}",
    ]
    outside = error_of(write(tmp_path / "lock.txt", f"greenlet==2.0.2 {OTHER}\n"), base)
    assert "greenlet==2.0.2 is outside of what the workers are tested with, greenlet<4,>=3.1" in outside
    assert "for example greenlet==3.5.6" in outside
    no_range = error_of(write(tmp_path / "lock.txt", f"httptools==0.8.0 {OTHER}\n"), base)
    assert "contradicts httptools==0.9.0, which every worker needs" in no_range


@pytest.mark.parametrize("name", ["runtime", "installer"])
def test_each_package_of_the_runtime_says_its_range_and_is_within(name: str) -> None:
    found = Read()
    read(REQUIREMENTS / f"{name}.txt", found)
    tested = ranges(REQUIREMENTS / f"{name}.in")
    for pin in found.pins:
        version = next(iter(pin.requirement.specifier)).version
        assert tested[pin.requirement.name].specifier.contains(version), pin


def test_a_project_that_a_file_names_by_its_path_is_one_of_the_sources(tmp_path: Path, capsys: Any) -> None:
    project = greeter(tmp_path / "greeter")
    lock = write(project / "requirements.txt", f"-e .\n./\n-e file://{project}\n")
    error = refused(capsys, command(tmp_path / "cache", "--app-requirements", lock))
    assert f"names the source {project}: put it into app_source" in error
    found: Wanted = wanted([], [lock], TARGET)
    assert found.projects == [(lock, project)] * 3
    assert found.lines() == []
