"""Where the plugins' own code stands, in a clone and in the installed collection; the import of this puts it on Python's path."""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = [str(REPOSITORY / each) for each in ("tools", "app/mooring/src", "app/multicloud/src")]
sys.path += [each for each in SOURCES if each not in sys.path]
