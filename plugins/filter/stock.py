"""What a stock Django or Pecan project says of itself: the defaults of wsgi_apps and of the application's environment.

The rules stand in tools/bundle/entries.py; a filter, so that they are asked when a default is needed, and cost no task.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any


@cache
def _rules() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "tools/bundle/entries.py"
    spec = importlib.util.spec_from_file_location("mooring_bundle_entries", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _found(app_source: Any, folder: str) -> list[Any]:
    sources = [app_source] if isinstance(app_source, str) else app_source
    if not isinstance(sources, list):
        return []
    return [_rules().find(Path(folder, Path(str(source)).expanduser())) for source in sources]


def stock_entries(app_source: Any, folder: str) -> dict[str, str]:
    """Return the entries by framework that the sources say; the first source that has one wins."""
    entries: dict[str, str] = {}
    for found in reversed(_found(app_source, folder)):
        entries |= found.entries
    return entries


def stock_environment(app_source: Any, folder: str) -> dict[str, str]:
    """Return the variables that the sources' own entry points set (DJANGO_SETTINGS_MODULE)."""
    environment: dict[str, str] = {}
    for found in reversed(_found(app_source, folder)):
        environment |= found.environment
    return environment


class FilterModule:
    """The filters, as Ansible finds them."""

    def filters(self) -> dict[str, Any]:
        """Map each filter's name to its function."""
        return {"stock_entries": stock_entries, "stock_environment": stock_environment}
