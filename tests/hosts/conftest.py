"""The tooling of the test hosts lies beside the scenarios that use it, not on the packages' path."""

import sys

from support.places import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "molecule/resources/hosts"))
