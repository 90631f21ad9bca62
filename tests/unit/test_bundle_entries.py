"""Where stock projects keep their application, found by their files alone; an entry's argument, found by the worker."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle import entries, tree
from bundle.listing import Entry
from mooring import casts
from mooring.worker import application
from support.bundles import write
from support.places import REPOSITORY

MANAGE = "import os\n\ndef main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', {!r})\n"


def found(source: Path) -> tuple[str, dict[str, str], dict[str, str]]:
    told = entries.find(source)
    return str(told.root.relative_to(source)), told.entries, told.environment


@pytest.mark.parametrize(
    ("files", "root", "entry", "settings"),
    [
        (
            {
                "manage.py": MANAGE.format("mysite.settings"),
                "mysite/settings.py": "WSGI_APPLICATION = 'mysite.wsgi.application'\n",
            },
            ".",
            "mysite.wsgi:application",
            "mysite.settings",
        ),
        # A folder above, as many repositories have it; the entry's own settings win over manage.py's.
        (
            {
                "backend/manage.py": MANAGE.format("config.settings.local"),
                "backend/config/settings/local.py": "from .base import *\n",
                "backend/config/wsgi.py": "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings.production'\n",
                "frontend/index.js": "",
            },
            "backend",
            "config.wsgi:application",
            "config.settings.production",
        ),
        (
            {
                "manage.py": MANAGE.format("s"),
                "s.py": "WSGI_APPLICATION = 'served.by:me'.replace(':', '.')\n",
                "wsgi.py": "",
            },
            ".",
            "wsgi:application",
            "s",
        ),
    ],
)
def test_django_s_entry_is_what_manage_py_and_the_settings_name(
    tmp_path: Path, files: dict[str, str], root: str, entry: str, settings: str
) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)
    assert found(tmp_path) == (root, {"django": entry}, {"DJANGO_SETTINGS_MODULE": settings})


def test_pecan_s_entry_is_its_config(tmp_path: Path) -> None:
    write(tmp_path / "config.py", "app = {'root': 'x.RootController', 'modules': ['x']}\n")
    assert found(tmp_path) == (".", {"pecan": "pecan.deploy:deploy(config.py)"}, {})


@pytest.mark.parametrize(
    "files",
    [
        {"config.py": "app = 1\n"},
        {"config.py": "app = {\n"},
        {"manage.py": "print('another tool of that name')\n"},
        {"manage.py": b"\xff\xfe\x00"},
        {"one/manage.py": MANAGE.format("a.b"), "two/manage.py": MANAGE.format("c.d")},
    ],
)
def test_what_is_no_stock_project_names_nothing(tmp_path: Path, files: dict[str, Any]) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)
    assert found(tmp_path) == (".", {}, {})


def test_the_inventory_s_filters_ask_the_same_rules(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("stock", REPOSITORY / "plugins/filter/stock.py")
    assert spec is not None
    assert spec.loader is not None
    stock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stock)
    write(tmp_path / "a/manage.py", MANAGE.format("a.settings"))
    write(tmp_path / "b/config.py", "app = {'root': 'b'}\n")
    filters: dict[str, Callable[[Any, str], dict[str, str]]] = stock.FilterModule().filters()
    both = {"django": "a.wsgi:application", "pecan": "pecan.deploy:deploy(config.py)"}
    assert filters["stock_entries"](["a", str(tmp_path / "b")], str(tmp_path)) == both
    assert filters["stock_environment"]("a", str(tmp_path)) == {"DJANGO_SETTINGS_MODULE": "a.settings"}
    assert filters["stock_entries"]({"no": "list"}, str(tmp_path)) == {}


def test_the_shipped_api_is_named_alike_in_defaults_and_in_vars() -> None:
    import yaml

    defaults = yaml.safe_load((REPOSITORY / "roles/site/defaults/main.yml").read_text())
    shipped = yaml.safe_load((REPOSITORY / "roles/site/vars/main/main.yml").read_text())["site_shipped"]
    assert defaults["app_source"] == shipped["source"]


@pytest.mark.parametrize(
    "entry",
    ["a:b", "a.b:c.d", "a:b()", "a:b( )", "a:b(config.py)", "a:b(etc/prod-1.ini)", "a:b('x y')", 'a:b("x")'],
)
def test_entries_that_are_one(entry: str) -> None:
    assert casts.entry(entry) == entry


@pytest.mark.parametrize(
    "entry", ["a", "a.b", "a:", "a:b(", "a:b)", "a:b(x, y)", "a:b('x)", "a:b(x y)", "a:b()()", "1:b"]
)
def test_entries_that_are_none(entry: str) -> None:
    with pytest.raises(ValueError, match=r"module:factory\(config.py\)"):
        casts.entry(entry)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtualenv with two trees, one of which is imported from a folder below it."""
    write(tmp_path / tree.FOLDER / "one/config.py", "")
    write(tmp_path / tree.FOLDER / "two/back/prod.ini", "")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / tree.FOLDER / "two/back"))
    write(
        tmp_path / tree.FOLDER / "two/back/entry_of_two.py",
        "def make(*given):\n    return lambda *_: given\n",
    )
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "given"),
    [
        ("", ()),
        ("'production'", ("production",)),
        ('"a b"', ("a b",)),
        ("config.py", ("{}/app/one/config.py",)),
        ("prod.ini", ("{}/app/two/back/prod.ini",)),
        ("back/prod.ini", ("{}/app/two/back/prod.ini",)),
    ],
)
def test_a_factory_gets_a_text_or_a_file_of_the_source(
    prefix: Path, argument: str, given: tuple[str, ...]
) -> None:
    served: Any = application.load(f"entry_of_two:make({argument})")
    assert served() == tuple(each.format(prefix) for each in given)


def test_a_file_that_the_source_does_not_have_is_named_with_the_places(prefix: Path) -> None:
    with pytest.raises(
        application.ApplicationError, match=r"confg.py is no file of the application .*/app/one"
    ):
        application.load("entry_of_two:make(confg.py)")


def test_a_tree_is_imported_before_installed_packages_and_after_the_standard_library(tmp_path: Path) -> None:
    import subprocess
    import venv

    venv.EnvBuilder(symlinks=True, with_pip=False).create(tmp_path / "venv")
    (site,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    write(site / "shared_name.py", "WHOSE = 'installed'\n")
    # What a target's pip does with a tree's wheel.
    files = [Entry("shared_name.py", write(tmp_path / "x/shared_name.py", "WHOSE = 'mine'\n"))]
    files.append(Entry("json.py", write(tmp_path / "x/json.py", "WHOSE = 'mine'\n")))
    wheel = tree.pack("it's 1", files, "", tmp_path)
    target = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(tmp_path / "venv/bin/python"),
        "install",
        "--no-index",
        "-q",
    ]
    subprocess.run([*target, str(wheel)], check=True)
    code = "import json, shared_name; print(shared_name.WHOSE, hasattr(json, 'WHOSE'), shared_name.__file__)"
    done = subprocess.run(
        [tmp_path / "venv/bin/python", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split(maxsplit=2) == ["mine", "False", f"{tmp_path}/venv/app/it's 1/shared_name.py\n"]
