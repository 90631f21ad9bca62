"""Where a site's relative paths begin, and where what a run makes lies."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from support.places import REPOSITORY


def plugin(path: str) -> ModuleType:
    """Load a plugin as a file, as Ansible does."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, REPOSITORY / "plugins" / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("called", "site"),
    [
        (["my-site"], "my-site"),
        (["my-site/playbooks"], "my-site"),
        (["my-site", "other"], "my-site"),
        ([], "here"),
        (["clone"], "clone"),
        (["clone/playbooks"], "clone"),
        (["clone/molecule/local"], "clone"),
    ],
)
def test_the_sites_folder_is_that_of_the_playbook(tmp_path: Path, called: list[str], site: str) -> None:
    """Ansible tells, for each playbook, the folder `collections` beside it."""
    adjacent = [str(tmp_path / name / "collections") for name in called]
    found = plugin("lookup/site_folder.py").folder(adjacent, tmp_path / "here", tmp_path / "clone")
    assert found == tmp_path / site


def test_a_link_to_a_clone_is_the_clone(tmp_path: Path) -> None:
    (tmp_path / "clone/playbooks").mkdir(parents=True)
    (tmp_path / "clone/playbooks/collections").symlink_to("../collections")
    (tmp_path / "link").symlink_to("clone")
    find = plugin("lookup/site_folder.py").folder
    adjacent = [str(tmp_path / "link/playbooks/collections")]
    assert find(adjacent, tmp_path, tmp_path / "clone") == tmp_path / "clone"


def test_a_relative_path_begins_at_the_site_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    in_site = plugin("filter/paths.py").in_site
    assert in_site(["orders", "app/multicloud", "/srv/x"], str(tmp_path)) == [
        str(tmp_path / "orders"),
        "app/multicloud",
        "/srv/x",
    ]
    assert in_site("", str(tmp_path)) == ""
