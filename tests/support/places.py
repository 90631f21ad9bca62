"""Where the repository's parts lie."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCE_FOLDERS = [REPOSITORY / "app" / project / "src" for project in ("mooring", "multicloud")]
SOURCES = ":".join(map(str, SOURCE_FOLDERS))
"""PYTHONPATH of the two packages."""
