"""What of a source counts, what kind of source it is, and what a tree's wheel holds."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bundle import history, listing, sources
from bundle.errors import BundleError
from support.bundles import command, git, greeter, held, refused, run, write


def names(source: Path, *, built: bool = False) -> list[str]:
    return [entry.name for entry in listing.files(source, built=built)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a project in a folder of it."""
    folder = tmp_path / "repository"
    write(folder / "README.md", "x")
    write(folder / ".gitignore", "*.secret\n/site/cache/\n")
    write(folder / "site/app.py", "x")
    write(folder / "site/kept.log", "tracked all the same")
    git(folder, "init", "-q")
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-qm", "x")
    return folder


@pytest.mark.parametrize("with_git", [True, False])
def test_what_git_ignores_and_what_tools_leave_does_not_count(
    tmp_path: Path, with_git: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "site"
    for name in ("app.py", "static/dist/app.js", "data/logo.svg", "build/page.html"):
        write(source / name, "x")
    for name in (
        *(
            "__pycache__/app.cpython-311.pyc",
            "sub/__pycache__/x.pyc",
            ".pytest_cache/v",
            ".tox/py/x",
            "node_modules/a/b.js",
        ),
        *(
            "db.sqlite3",
            "db.sqlite3-wal",
            "debug.log",
            ".venv/lib/x.py",
            "site.egg-info/PKG-INFO",
            ".env",
            ".git/HEAD",
        ),
        *("strange/pyvenv.cfg", "strange/lib/y.py"),
    ):
        write(source / name, "x")
    if with_git:
        write(source / ".gitignore", "*.local\nmedia/\n")
        write(source / "settings.local", "x")
        write(source / "media/photo.jpg", "x")
    else:
        monkeypatch.setattr(shutil, "which", lambda _: None)
    assert names(source) == sorted(
        [
            "app.py",
            "build/page.html",
            "data/logo.svg",
            "static/dist/app.js",
            *([".gitignore"] if with_git else []),
        ]
    )
    assert "build/page.html" not in names(source, built=True)


def test_in_a_checkout_what_is_tracked_counts_and_what_is_new_and_not_ignored(checkout: Path) -> None:
    write(checkout / "site/new.py", "x")
    write(checkout / "site/my.secret", "x")
    write(checkout / "site/cache/x", "x")
    assert names(checkout / "site") == ["app.py", "kept.log", "new.py"]
    (checkout / "site/app.py").unlink()
    assert names(checkout / "site") == ["kept.log", "new.py"]


def test_a_folder_that_its_repository_ignores_is_listed_by_itself(checkout: Path) -> None:
    write(checkout / "site/cache/made/app.py", "x")
    write(checkout / "site/cache/made/.gitignore", "*.tmp\n")
    write(checkout / "site/cache/made/x.tmp", "x")
    assert names(checkout / "site/cache/made") == [".gitignore", "app.py"]


def test_git_s_own_variables_and_owners_do_not_matter(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    if os.geteuid() == 0:
        for path in (checkout, *checkout.rglob("*")):
            os.chown(path, 12345, 12345)
    index = (checkout / ".git/index").read_bytes()
    assert names(checkout / "site") == ["app.py", "kept.log"]
    assert (checkout / ".git/index").read_bytes() == index


def test_no_program_of_a_checkout_s_own_is_run(checkout: Path, tmp_path: Path) -> None:
    """Whoever can write to its .git would be the deployer: by a hook, or by a program that its configuration names."""
    executed = tmp_path / "executed"
    program = write(checkout / ".git/hooks/post-index-change", f"#!/bin/sh\necho $0 >> {executed}\n")
    program.chmod(0o755)
    git(checkout, "config", "core.fsmonitor", str(program))
    assert names(checkout)
    place = tmp_path / "place"
    copied = write(place / "copy/kept", "").parent
    environment = {**listing.git_environment(), **history.shown(checkout, place)}
    # As a backend asks it for the version.
    subprocess.run(["git", "status"], cwd=copied, env=environment, check=True, capture_output=True)
    assert not executed.exists(), executed.read_text()
    git(checkout, "status")
    assert executed.exists(), "that is what the attack can do"


def test_a_submodule_counts_and_an_empty_one_is_named(checkout: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other / "lib.py", "x")
    write(other / ".gitignore", "*.tmp\n")
    git(other, "init", "-q")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "x")
    git(checkout, "submodule", "--quiet", "add", str(other), "site/lib")
    write(checkout / "site/lib/x.tmp", "x")
    assert names(checkout / "site") == ["app.py", "kept.log", "lib/.gitignore", "lib/lib.py"] or names(
        checkout / "site"
    ) == ["app.py", "kept.log", "lib/.git", "lib/.gitignore", "lib/lib.py"]
    git(checkout, "commit", "-qam", "x")
    git(tmp_path, "clone", "-q", str(checkout), "clone")
    with pytest.raises(
        BundleError, match=r"the submodule .*site/lib is empty: run git submodule update --init"
    ):
        names(tmp_path / "clone/site")


def test_links_are_followed_out_of_the_source_too_and_never_in_a_circle(
    checkout: Path, tmp_path: Path
) -> None:
    site = checkout / "site"
    write(tmp_path / "common/shared.py", "x")
    (site / "common").symlink_to(tmp_path / "common")
    (site / "again.py").symlink_to("app.py")
    (site / "circle").symlink_to(".")
    (site / "dangling").symlink_to("nowhere")
    os.mkfifo(site / "pipe")
    assert names(site) == ["again.py", "app.py", "common/shared.py", "kept.log"]


def test_names_and_modes_and_contents_decide_about_the_digest(checkout: Path) -> None:
    def now() -> str:
        return listing.digest(listing.files(checkout / "site", built=False))

    seen = [now()]
    (checkout / "site/app.py").chmod(0o755)
    seen.append(now())
    write(checkout / "site/app.py", "y")
    seen.append(now())
    (checkout / "site/app.py").rename(checkout / "site/other.py")
    seen.append(now())
    assert len(set(seen)) == 4
    os.utime(checkout / "site/other.py", (0, 0))
    (checkout / "site/other.py").chmod(0o700)
    assert now() == seen[-1]


def test_a_file_that_cannot_be_read_is_named(checkout: Path) -> None:
    (checkout / "site/memory").symlink_to(
        "/proc/self/mem"
    )  # opens, for root as well, and cannot be read at 0
    with pytest.raises(BundleError, match=r"site/memory cannot be read: Input/output error"):
        listing.digest(listing.files(checkout / "site", built=False))


PECAN_CONFIG = "app = {'root': 'site.controllers.root.RootController', 'modules': ['site']}\n"


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"manage.py": ""}, "tree"),
        ({"app.py": "", "pyproject.toml": "[tool.ruff]\n"}, "tree"),
        ({"app.py": "", "setup.cfg": "[flake8]\n"}, "tree"),
        (
            {"app.py": "", "pyproject.toml": '[project]\nname = "x"\nversion = "1"\n'},
            "tree",
        ),  # as uv: no [build-system]
        ({"src/x/__init__.py": "", "pyproject.toml": '[project]\nname = "x"\nversion = "1"\n'}, "project"),
        ({"app.py": "", "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\n'}, "project"),
        (
            {
                "app.py": "",
                "pyproject.toml": "[tool.poetry]\npackage-mode = false\n[build-system]\nrequires = []\n",
            },
            "tree",
        ),
        ({"setup.py": ""}, "project"),
        ({"setup.py": "", "config.py": "DEBUG = True\n"}, "project"),
        (
            {"setup.py": "", "config.py": PECAN_CONFIG},
            "tree",
        ),  # as `pecan create` writes it: config.py is in no package
    ],
)
def test_a_folder_without_packaging_is_a_tree(tmp_path: Path, files: dict[str, str], kind: str) -> None:
    for name, text in files.items():
        write(tmp_path / "site" / name, text)
    assert sources.kind_of(tmp_path / "site") == kind


def test_a_tree_keeps_its_places_and_its_modes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "My site"
    write(site / "manage.py", "x").chmod(0o755)
    write(site / "templates/a,b.html", "x")
    write(site / "db.sqlite3", "x")
    told = run(capsys, command(tmp_path / "cache", "--source", site))
    ((name, wheel),) = held(told["path"]).items()
    assert name == "mooring_app_my_site-0-py3-none-any.whl"
    data = "mooring_app_my_site-0.data/data/app/My site/"
    modes = {info.filename: info.external_attr >> 16 & 0o777 for info in wheel.infolist()}
    assert {name: mode for name, mode in modes.items() if name.startswith(data)} == {
        data + "manage.py": 0o755,
        data + "templates/a,b.html": 0o644,
    }
    assert run(capsys, command(tmp_path / "cache", "--source", site)) == {**told, "built": False}
    write(site / "db.sqlite3", "changed")
    assert run(capsys, command(tmp_path / "cache", "--source", site))["id"] == told["id"]
    write(site / "templates/a,b.html", "changed")
    assert run(capsys, command(tmp_path / "cache", "--source", site))["id"] != told["id"]


def test_two_trees_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for parent in ("one", "two"):
        write(tmp_path / parent / "site/manage.py", "x")
    sources_of = ["--source", tmp_path / "one/site", "--source", tmp_path / "two/site"]
    assert "are trees of one name" in refused(capsys, command(tmp_path / "cache", *sources_of))


def test_an_empty_folder_and_one_that_is_all_ignored_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site").mkdir()
    assert "is an empty folder" in refused(capsys, command(tmp_path / "cache", "--source", tmp_path / "site"))
    write(tmp_path / "site/db.sqlite3", "x")
    assert "has no file that counts" in refused(
        capsys, command(tmp_path / "cache", "--source", tmp_path / "site")
    )


def test_a_wheel_named_in_the_requirements_too_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    greeter(tmp_path / "greeter")
    told = run(capsys, command(tmp_path / "first", "--source", tmp_path / "greeter"))
    (wheel,) = (tmp_path / "first/sources").rglob("*.whl")
    digest = "--hash=sha256:" + "0" * 64
    lock = write(tmp_path / "lock.txt", f"greeter==1.0 {digest}\n")
    arguments = command(tmp_path / "cache", "--source", wheel, "--app-requirements", lock)
    assert list(held(run(capsys, arguments)["path"])) == list(held(told["path"]))
    write(lock, f"greeter==2.0 {digest}\n")
    assert f"app_source has greeter 1.0, and {lock} pins greeter==2.0" in refused(capsys, arguments)
    both = command(tmp_path / "cache", "--source", wheel, "--source", tmp_path / "greeter")
    assert "app_source has greeter twice" in refused(capsys, both)
