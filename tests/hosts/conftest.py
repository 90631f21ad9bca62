"""The tooling of the test hosts lies beside the scenarios that use it, not on the packages' path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "molecule" / "hosts"))
