"""Find where a stock project keeps its WSGI application: by its files alone, nothing of it is run.

Django: manage.py names the settings module, the settings name WSGI_APPLICATION. Pecan: config.py names the root
controller and the modules. Standard library alone and no import of ours: Ansible's filter loads this file by its path.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"
PECAN_FACTORY = "pecan.deploy:deploy(config.py)"


@dataclass(frozen=True)
class Found:
    """What a source folder holds: the folder that is imported from, entries by framework, environment."""

    root: Path
    entries: dict[str, str]
    environment: dict[str, str]


def find(source: Path) -> Found:
    """Look into a source folder: its top, or the one folder below it that has manage.py or a Pecan config.py."""
    if not source.is_dir():
        return Found(source, {}, {})
    for root in (source, *_below(source)):
        entries: dict[str, str] = {}
        environment: dict[str, str] = {}
        if (settings := _settings_module(root)) is not None:
            application = _wsgi_application(root, settings)
            settings = _set_by(_file_of(root, application.partition(":")[0])) or settings
            entries["django"], environment[SETTINGS_VARIABLE] = application, settings
        if is_pecan_config(root / "config.py"):
            entries["pecan"] = PECAN_FACTORY
        if entries:
            return Found(root, entries, environment)
    return Found(source, {}, {})


def is_pecan_config(path: Path) -> bool:
    """Tell whether a config.py is Pecan's: it assigns a dictionary with the key "root" to `app`."""
    app = _assigned(_parsed(path), "app")
    if not isinstance(app, ast.Dict):
        return False
    return any(isinstance(key, ast.Constant) and key.value == "root" for key in app.keys)


def _below(source: Path) -> list[Path]:
    """Return the one folder that has a manage.py or config.py, when there is exactly one."""
    try:
        folders = [
            each for each in sorted(source.iterdir()) if each.is_dir() and not each.name.startswith(".")
        ]
    except OSError:
        return []
    found = [
        each
        for each in folders
        if not (each / "pyvenv.cfg").exists()
        and (_settings_module(each) or is_pecan_config(each / "config.py"))
    ]
    return found if len(found) == 1 else []


def _settings_module(root: Path) -> str | None:
    return _set_by(root / "manage.py")


def _wsgi_application(root: Path, settings: str) -> str:
    """Return the entry that the settings name; without one, wsgi.py beside them, as startproject writes it."""
    named = _assigned(_parsed(_file_of(root, settings)), "WSGI_APPLICATION")
    value = named.value if isinstance(named, ast.Constant) else None
    if isinstance(value, str) and "." in value:
        return ":".join(value.rsplit(".", 1))
    packages = settings.split(".")[:-1]
    for depth in range(len(packages), 0, -1):  # mysite.settings.production: mysite.settings.wsgi, mysite.wsgi
        module = ".".join([*packages[:depth], "wsgi"])
        if _file_of(root, module).is_file():
            return f"{module}:application"
    return f"{'.'.join([*packages, 'wsgi'])}:application"


def _file_of(root: Path, module: str) -> Path:
    for base in (root, root / "src"):
        path = base.joinpath(*module.split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return root.joinpath(*module.split(".")).with_suffix(".py")


def _set_by(path: Path) -> str | None:
    """Return what a file gives DJANGO_SETTINGS_MODULE by setdefault or by assignment."""
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Call) and len(node.args) == 2:
            name, value = node.args
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            name, value = node.targets[0].slice, node.value
        else:
            continue
        if _text(name) == SETTINGS_VARIABLE and (text := _text(value)):
            return text
    return None


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _assigned(tree: ast.Module, name: str) -> Any:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in node.targets
        ):
            return node.value
    return None


def _parsed(path: Path) -> ast.Module:
    """Parse a file; one that is absent, unreadable or no Python names nothing."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
